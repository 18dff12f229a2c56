-- Sorts names for people: takes a table, gives its keys in their order.

---The keys of a table in their order.
---@param all table<string, any>
---@return string[]
return function(all)
  local keys = vim.tbl_keys(all)
  table.sort(keys)
  return keys
end
