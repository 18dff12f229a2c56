-- The borders of insert mode: calls back where it begins and where it ends in a buffer, by whatever way. InsertLeave
-- alone would miss Ctrl-C, replace mode and the expression register.
local M = {}

---@param mode string
---@return boolean
local function is_insert(mode)
  return vim.startswith(mode, 'i')
end

---@return boolean
function M.is_inserting()
  return is_insert(vim.api.nvim_get_mode().mode)
end

---@param group integer
---@param buffer integer
---@param entered fun()
---@param left fun()
function M.watch(group, buffer, entered, left)
  vim.api.nvim_create_autocmd('ModeChanged', {
    group = group,
    buffer = buffer,
    callback = function()
      local before, now = is_insert(vim.v.event.old_mode), is_insert(vim.v.event.new_mode)
      if now and not before then
        entered()
      elseif before and not now then
        left()
      end
    end,
  })
end

return M
