-- Windows: takes lines, shows them in a scratch buffer that `q` closes.
local M = {}

---@param buffer integer
---@param lines string[]
function M.fill(buffer, lines)
  vim.bo[buffer].modifiable = true
  vim.api.nvim_buf_set_lines(buffer, 0, -1, false, lines)
  vim.bo[buffer].modifiable = false
end

---@param name string
---@param lines string[]
---@return integer buffer
local function scratch(name, lines)
  local buffer = vim.api.nvim_create_buf(false, true)
  vim.bo[buffer].bufhidden = 'wipe'
  vim.bo[buffer].filetype = name
  M.fill(buffer, lines)
  vim.keymap.set('n', 'q', '<Cmd>close<CR>', { buffer = buffer, nowait = true, desc = 'Close' })
  return buffer
end

---A window below the others.
---@param name string
---@param lines string[]
---@return integer buffer
function M.split(name, lines)
  local buffer = scratch(name, lines)
  vim.api.nvim_open_win(buffer, true, { split = 'below', height = 15 })
  return buffer
end

---A window at the cursor, which goes with the next move.
---@param lines string[]
---@return integer buffer, integer window
function M.float(lines)
  return vim.lsp.util.open_floating_preview(lines, 'markdown', {
    border = 'rounded',
    focus_id = 'lory',
    close_events = { 'CursorMoved', 'InsertEnter', 'BufLeave' },
  })
end

return M
