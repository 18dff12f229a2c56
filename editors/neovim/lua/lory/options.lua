-- The plugin's options: takes what `setup()` is given, gives all of them, checked.
local M = {}

---@class (exact) lory.Keymaps
---@field accept? string|false Insert all of the ghost text.
---@field accept_word? string|false Insert its next word.
---@field accept_line? string|false Insert it up to the end of a line.
---@field next? string|false Show the next suggestion.
---@field previous? string|false Show the one before.
---@field dismiss? string|false Hide the ghost text until something is typed.
---@field trigger? string|false Ask now, for the best there is.

---@class (exact) lory.Options
---@field cmd? string[] The server's command; without one the environment that `:Lory install` made, or `lory` on PATH.
---@field python? string The Python that `:Lory install` makes an environment with; without one the first that is new enough.
---@field settings table<string, any> The server's settings, as they are sent; lsp_server/settings.py declares them.
---@field ghost_text 'own'|'builtin' Who shows the text: this plugin, or Neovim 0.12's vim.lsp.inline_completion.
---@field menu 'yield'|'follow' While a completion menu is open: hide the ghost text, or show it too.
---@field keymaps boolean|lory.Keymaps Keys in the buffers that are completed; true for all that is recommended.
---@field keys_over_menu boolean Whether those keys act on the ghost text while a completion menu is open.

---@type lory.Options
local defaults = {
  settings = {},
  ghost_text = 'own',
  menu = 'yield',
  keymaps = false,
  keys_over_menu = false,
}

---@type lory.Keymaps
M.recommended = {
  accept = '<Tab>',
  accept_word = '<M-Right>',
  accept_line = '<M-Down>',
  next = '<M-]>',
  previous = '<M-[>',
  dismiss = '<C-]>',
  trigger = '<M-\\>',
}

---@type table<string, fun(value: any): boolean>
local checks = {
  cmd = vim.islist,
  python = function(value)
    return type(value) == 'string'
  end,
  settings = function(value)
    return type(value) == 'table'
  end,
  ghost_text = function(value)
    return value == 'own' or value == 'builtin'
  end,
  menu = function(value)
    return value == 'yield' or value == 'follow'
  end,
  keymaps = function(value)
    return type(value) == 'boolean'
      or type(value) == 'table' and vim.iter(pairs(value)):all(function(action)
        return M.recommended[action] ~= nil
      end)
  end,
  keys_over_menu = function(value)
    return type(value) == 'boolean'
  end,
}

local current = vim.deepcopy(defaults)

---All options as they are now.
---@return lory.Options
function M.get()
  return current
end

---Merge options over those given before; an error names what is unknown or faulty.
---@param given? table
function M.merge(given)
  for name, value in pairs(given or {}) do
    local check = checks[name]
    if not check then
      local known = vim.tbl_keys(checks)
      table.sort(known)
      error(("lory: unknown option '%s'; known are: %s"):format(name, table.concat(known, ', ')), 0)
    end
    if not check(value) then
      error(("lory: option '%s' cannot be %s; see :help lory-options"):format(name, vim.inspect(value)), 0)
    end
  end
  current = vim.tbl_deep_extend('force', current, given or {})
end

---The keys that are wanted, by action.
---@return table<string, string>
function M.keymaps()
  local wanted = current.keymaps
  if wanted == false then
    return {}
  end
  local given = wanted == true and {} or wanted --[[@as table<string, string|false>]]
  local keys = vim.deepcopy(M.recommended) --[[@as table<string, string>]]
  for action, key in pairs(given) do
    keys[action] = key or nil
  end
  return keys
end

return M
