-- Neovim 0.12's own inline completion behind Lory's interface: takes what it shows, inserts it in its place.
local insertion = require('lory.insertion')

local inline = vim.lsp.inline_completion

local M = {}

---What of an item's text does not stand before the cursor yet; nil where something else stands there.
---@param item vim.lsp.inline_completion.Item
---@return string?
local function rest_of(item)
  local row, column = unpack(vim.api.nvim_win_get_cursor(0))
  local text = insertion.with_newlines(item.insert_text --[[@as string]])
  if not item.range then
    return text
  end
  local start_row, start_column = item.range:to_extmark()
  if start_row ~= row - 1 or start_column > column then
    return nil
  end
  local typed = vim.api.nvim_get_current_line():sub(start_column + 1, column)
  local rest = vim.startswith(text, typed) and text:sub(#typed + 1) or ''
  return rest ~= '' and rest or nil
end

---Have Neovim's own do what it does at an event of the buffer.
---@param buffer integer
---@param event string
local function as_if(buffer, event)
  local group = ('nvim.lsp.inline_completion:%d'):format(buffer)
  if vim.fn.exists('#' .. group) == 1 then -- it is made once a server is there that Neovim may ask
    vim.api.nvim_exec_autocmds(event, { group = group })
  end
end

---@param buffer integer
function M.attach(buffer)
  inline.enable(false, { bufnr = buffer }) -- where it is on already, Neovim would follow the buffer only later
  inline.enable(true, { bufnr = buffer })
end

---@param buffer integer
function M.enter(buffer)
  as_if(buffer, 'InsertEnter')
end

---@param buffer integer
function M.leave(buffer)
  as_if(buffer, 'InsertLeave')
end

---@return boolean
function M.is_visible()
  local namespace = vim.api.nvim_get_namespaces()['nvim.lsp.inline_completion']
  return namespace ~= nil and #vim.api.nvim_buf_get_extmarks(0, namespace, 0, -1, { limit = 1 }) > 0
end

---Neovim inserts where the text was asked for, which is wrong once more is typed (its issue 36529): insert at the
---cursor instead.
---@param part lory.Part
---@return boolean
function M.accept(part)
  if not M.is_visible() then
    return false
  end
  return inline.get({
    on_accept = function(item)
      local rest = rest_of(item)
      if not rest then
        return nil
      end
      local text = part(rest)
      insertion.put(text)
      local client = vim.lsp.get_client_by_id(item.client_id)
      if item.command and client and text == rest then
        client:exec_cmd(item.command, { bufnr = vim.api.nvim_get_current_buf() })
      end
    end,
  })
end

---@param count integer
---@return boolean
function M.cycle(count)
  if not M.is_visible() then
    return false
  end
  inline.select({ count = count })
  return true
end

---@return boolean
function M.dismiss()
  if not M.is_visible() then
    return false
  end
  inline.enable(false, { bufnr = 0 })
  inline.enable(true, { bufnr = 0 })
  return true
end

function M.trigger()
  as_if(vim.api.nvim_get_current_buf(), 'CursorMovedI')
end

return M
