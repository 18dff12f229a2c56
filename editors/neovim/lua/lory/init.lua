-- Lory's functions for users: takes their calls, gives what they are documented to in doc/lory.txt.
local parts = require('lory.parts')

local M = {}

---Merge options; nothing else happens until a buffer is read.
---@param options? table
function M.setup(options)
  require('lory.options').merge(options)
end

---@return lory.Shower
local function shower()
  return require('lory.suggestions').shower()
end

---Whether there is ghost text at the cursor.
---@return boolean
function M.is_visible()
  return shower().is_visible()
end

---Insert all of the ghost text; false where there is none.
---@return boolean
function M.accept()
  return shower().accept(parts.all)
end

---Insert its next word; the rest stays shown.
---@return boolean
function M.accept_word()
  return shower().accept(parts.word)
end

---Insert its next line; the rest stays shown.
---@return boolean
function M.accept_line()
  return shower().accept(parts.line)
end

---Show the next suggestion.
---@return boolean
function M.next()
  return shower().cycle(1)
end

---Show the suggestion before.
---@return boolean
function M.previous()
  return shower().cycle(-1)
end

---Hide the ghost text until something is typed.
---@return boolean
function M.dismiss()
  return shower().dismiss()
end

---Ask now, for the best there is however unlikely.
function M.trigger()
  shower().trigger()
end

---Change settings of the server for this session, without a restart: `change_settings({ max_lines = 3 })`.
---@param changed table<string, any>
function M.change_settings(changed)
  require('lory.settings').change(changed)
  require('lory.client').apply_settings()
end

---Turn Lory on or off: no text is sent while it is off. `nil` toggles.
---@param on? boolean
function M.enable(on)
  if on == nil then
    on = not require('lory.settings').enabled()
  end
  M.change_settings({ enabled = on })
end

---The same for one language, the buffer's by default.
---@param on? boolean
---@param language? string
function M.enable_language(on, language)
  local settings = require('lory.settings')
  language = language or vim.bo.filetype
  if on == nil then
    on = not settings.language_enabled(language)
  end
  settings.switch_language(language, on)
  require('lory.client').apply_settings()
end

---What Lory does in a buffer, for a statusline: `ready`, `loading 40 %`, `completing`, `off: why`, `error`.
---@param buffer? integer
---@return string
function M.status(buffer)
  return require('lory.status').text(buffer or vim.api.nvim_get_current_buf())
end

return M
