-- Insertion of accepted text: takes it, puts it at the cursor as one step that undo takes back.
local M = {}

---A text with the line ends that Neovim counts in, whatever the file has and the server sends.
---@param text string
---@return string
function M.with_newlines(text)
  return (text:gsub('\r\n?', '\n'))
end

---@param text string
function M.put(text)
  local row, column = unpack(vim.api.nvim_win_get_cursor(0))
  local lines = vim.split(text, '\n', { plain = true })
  if vim.fn.pumvisible() == 1 then
    vim.fn.complete(vim.fn.col('.'), {}) -- ends the menu, which would replace what is inserted
  end
  vim.bo.undolevels = vim.bo.undolevels -- what was typed before is another step
  vim.api.nvim_buf_set_text(0, row - 1, column, row - 1, column, lines)
  local last = #lines[#lines]
  vim.api.nvim_win_set_cursor(0, { row + #lines - 1, #lines == 1 and column + last or last })
end

return M
