-- The server's settings: takes the user's and what was changed since, gives what is sent.
local options = require('lory.options')

local M = {}

---@type table<string, any> What was changed in this session.
local changed_since = {}

---As the server's default, so that no text of other languages is sent before it is asked.
M.default_languages = {
  bash = true, c = true, cpp = true, cs = true, csharp = true, css = true, dart = true, dockerfile = true, go = true,
  html = true, java = true, javascript = true, javascriptreact = true, json = true, jsonc = true, kotlin = true,
  lua = true, make = true, makefile = true, markdown = true, perl = true, php = true, proto = true, python = true,
  r = true, restructuredtext = true, rst = true, ruby = true, rust = true, scala = true, scss = true, sh = true,
  shellscript = true, sql = true, swift = true, terraform = true, toml = true, typescript = true,
  typescriptreact = true, vue = true, xml = true, yaml = true, zsh = true,
}

---Neovim's own inline completion asks in one way only: with one suggestion there is nothing to go through.
local BUILTIN = { alternatives_when_typing = 3 }

---The settings as they are now.
---@return table<string, any>
function M.current()
  local configured = vim.tbl_get(vim.lsp.config.lory or {}, 'settings', 'lory') or {}
  local needed = options.get().ghost_text == 'builtin' and BUILTIN or {}
  local all = vim.tbl_deep_extend('force', needed, configured, options.get().settings, changed_since)
  return next(all) and all or vim.empty_dict()
end

---@return boolean
function M.enabled()
  return M.current().enabled ~= false
end

---@param language string
---@return boolean
function M.language_enabled(language)
  return (M.current().languages or M.default_languages)[language] == true
end

---Why a buffer's text is not sent; nil where it is.
---@param buffer integer
---@return string?
function M.why_off(buffer)
  local language = vim.bo[buffer].filetype
  if not M.enabled() then
    return 'lory is turned off'
  elseif language == '' then
    return 'no filetype'
  elseif not M.language_enabled(language) then
    return ("language '%s' is off"):format(language)
  end
end

---Change settings for this session.
---@param changed table<string, any>
function M.change(changed)
  changed_since = vim.tbl_deep_extend('force', changed_since, changed)
end

---@param language string
---@param enabled boolean
function M.switch_language(language, enabled)
  local languages = vim.deepcopy(M.current().languages or M.default_languages)
  languages[language] = enabled
  M.change({ languages = languages })
end

return M
