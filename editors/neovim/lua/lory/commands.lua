-- `:Lory`: takes a subcommand and its arguments, does it.
local sorted_keys = require('lory.sorted_keys')

local M = {}

---@class (exact) lory.Subcommand
---@field run fun(argument?: string, second?: string)
---@field arguments? fun(given: string[]): string[] What may follow those that are given.
---@field most? integer Arguments; one where this is not said.

---@return string[]
local function languages()
  local settings = require('lory.settings')
  local known = vim.tbl_keys(settings.current().languages or settings.default_languages)
  if vim.bo.filetype ~= '' and not vim.list_contains(known, vim.bo.filetype) then
    table.insert(known, vim.bo.filetype)
  end
  table.sort(known)
  return known
end

---@param on? boolean
---@return lory.Subcommand
local function switch(on)
  return {
    arguments = languages,
    run = function(language)
      if language then
        require('lory').enable_language(on, language)
      else
        require('lory').enable(on)
      end
      local off = require('lory.settings').why_off(vim.api.nvim_get_current_buf())
      vim.notify('lory: ' .. (off and 'off: ' .. off or 'on'), vim.log.levels.INFO)
    end,
  }
end

---@param name string
---@param argument? string
local function show_output(name, argument)
  local command = require('lory.server').command(name, argument)
  require('lory.programs').run(command, { env = { COLUMNS = '100' } }, vim.schedule_wrap(function(result)
    local text = result.code == 0 and result.stdout or result.stderr
    require('lory.window').split('lory-' .. name, vim.split(vim.trim(text or ''), '\n'))
  end))
end

---@type table<string, lory.Subcommand>
M.subcommands = {
  toggle = switch(nil),
  enable = switch(true),
  disable = switch(false),
  install = {
    run = function()
      require('lory.install').start()
    end,
  },
  cancel = {
    run = function()
      require('lory.install').cancel()
    end,
  },
  restart = {
    run = function()
      require('lory.client').restart()
    end,
  },
  status = {
    run = function()
      local found = require('lory.status').state(vim.api.nvim_get_current_buf())
      local message = found.message ~= '' and (' (%s)'):format(found.message) or ''
      vim.notify('lory: ' .. require('lory').status() .. message, vim.log.levels.INFO)
    end,
  },
  log = {
    run = function()
      vim.cmd.tabedit(vim.fn.fnameescape(require('lory.health').log_path()))
      vim.cmd.normal({ 'G', bang = true })
    end,
  },
  why = {
    run = function()
      require('lory.why').show()
    end,
  },
  stats = {
    run = function()
      show_output('stats')
    end,
  },
  feedback = {
    arguments = function()
      return { 'status', 'show' }
    end,
    run = function(argument)
      show_output('feedback', argument or 'status')
    end,
  },
  model = {
    most = 2,
    arguments = function(given)
      return require('lory.models').complete(given)
    end,
    run = function(action, name)
      require('lory.models').run(action, name)
    end,
  },
  settings = {
    run = function()
      local text = vim.inspect(require('lory.settings').current())
      require('lory.window').float(vim.split('Sent to the server, beside its defaults:\n\n' .. text, '\n'))
    end,
  },
  health = {
    run = function()
      vim.cmd.checkhealth('lory')
    end,
  },
  help = {
    run = function()
      vim.cmd.help('lory')
    end,
  },
}

---@param arguments string[]
function M.run(arguments)
  local subcommand = M.subcommands[arguments[1] or 'status']
  if not subcommand then
    local text = "lory: unknown subcommand '%s'; known are: %s"
    return vim.notify(text:format(arguments[1], table.concat(sorted_keys(M.subcommands), ', ')), vim.log.levels.ERROR)
  end
  local done, err = pcall(subcommand.run, arguments[2], arguments[3])
  if not done then
    vim.notify(tostring(err), vim.log.levels.ERROR)
  end
end

---What may stand where the cursor of the command line is.
---@param lead string
---@param line string
---@return string[]
function M.complete(lead, line)
  local before = vim.split(line:sub(1, #line - #lead), '%s+', { trimempty = true })
  local choices = #before <= 1 and sorted_keys(M.subcommands) or {}
  local subcommand = M.subcommands[before[2]]
  local given = vim.list_slice(before, 3)
  if subcommand and subcommand.arguments and #given < (subcommand.most or 1) then
    choices = subcommand.arguments(given)
  end
  return vim.tbl_filter(function(choice)
    return vim.startswith(choice, lead)
  end, choices)
end

return M
