-- `:Lory install`: takes the checkout that the plugin lies in, makes an environment with the server in it.
local options = require('lory.options')
local programs = require('lory.programs')
local server = require('lory.server')

local M = {}

local PYTHONS = { 'python3', 'python3.14', 'python3.13', 'python3.12', 'python3.11', 'python' }
---Python's word for: import nothing from the working folder, nor from where PYTHONPATH says.
local ISOLATED = '-I'
local NEW_ENOUGH = 'import sys; sys.exit(sys.version_info < (3, 11))'

---@class (exact) lory.Installation
---@field lines string[]
---@field buffer integer
---@field process? vim.SystemObj
---@field cancelled boolean

---@type lory.Installation?
local running

---@return boolean
function M.is_running()
  return running ~= nil
end

---@param line string
local function say(line)
  if not running then
    return
  end
  table.insert(running.lines, line)
  if vim.api.nvim_buf_is_valid(running.buffer) then
    require('lory.window').fill(running.buffer, running.lines)
    for _, window in ipairs(vim.fn.win_findbuf(running.buffer)) do
      vim.api.nvim_win_set_cursor(window, { #running.lines, 0 })
    end
  end
end

---A Python that is new enough; nil where there is none.
---@return string?
local function find_python()
  local wanted = options.get().python
  for _, name in ipairs(wanted and { wanted } or PYTHONS) do
    local python = programs.find(name)
    if python and programs.run({ python, ISOLATED, '-c', NEW_ENOUGH }):wait().code == 0 then
      return python
    end
  end
end

---@param folder string
local function remove(folder)
  vim.fn.delete(folder, 'rf')
end

---Where an environment that works is kept while it is made anew.
---@return string
local function former()
  return server.environment() .. '.before'
end

---Put the environment from before back, where there is one.
local function undo()
  remove(server.environment())
  vim.uv.fs_rename(former(), server.environment())
end

---@param problem? string
local function finish(problem)
  if problem then
    undo()
    say('')
    say(problem)
    vim.notify('lory: ' .. problem, vim.log.levels.ERROR)
  else
    remove(former())
    vim.fn.writefile({}, server.ready_file())
    say('')
    say('The server is installed; open a file of a language that is on.')
    vim.notify('lory: the server is installed', vim.log.levels.INFO)
  end
  running = nil
  require('lory.status').announce()
  vim.api.nvim_exec_autocmds('User', { pattern = 'LoryInstalled', modeline = false, data = { problem = problem } })
  if server.find() then
    require('lory.client').restart()
  end
end

---Run one command after the other, and say what they print.
---@param steps string[][]
---@param index integer
local function run(steps, index)
  local step = steps[index]
  if not step or not running then
    return finish()
  end
  say('$ ' .. table.concat(step, ' '))
  local on_output = vim.schedule_wrap(function(_, data)
    for _, line in ipairs(vim.split(data or '', '[\r\n]+', { trimempty = true })) do
      say(line)
    end
  end)
  local how = { stdout = on_output, stderr = on_output, detach = true }
  local started, process = pcall(programs.run, step, how, vim.schedule_wrap(function(result)
    if running and running.cancelled then
      finish('the installation was cancelled; nothing of it is left')
    elseif result.code ~= 0 then
      finish(('expected %s to succeed, found exit code %d; see the window above'):format(step[1], result.code))
    else
      run(steps, index + 1)
    end
  end))
  if started then
    running.process = process
  else
    finish(tostring(process))
  end
end

---@param python string
---@return string[][]
local function steps_with(python)
  local checkout = server.checkout()
  local environment_python = vim.fs.joinpath(server.environment(), 'bin', 'python')
  return {
    { python, ISOLATED, '-m', 'venv', server.environment() },
    vim.list_extend({ environment_python, ISOLATED, '-m', 'pip', 'install', '--disable-pip-version-check', '--progress-bar', 'off' }, {
      '--constraint', vim.fs.joinpath(checkout, 'constraints.txt'), '--editable', checkout,
    }),
  }
end

---Make the environment in the background; its window says how far it is.
function M.start()
  if running then
    return vim.notify('lory: an installation is running; :Lory cancel ends it', vim.log.levels.WARN)
  end
  if not vim.uv.fs_stat(vim.fs.joinpath(server.checkout(), 'pyproject.toml')) then
    local text = 'lory: expected the plugin to lie in a checkout of Lory, found none at %s; set the option cmd'
    return vim.notify(text:format(server.checkout()), vim.log.levels.ERROR)
  end
  local python = find_python()
  if not python then
    local text = 'lory: expected Python 3.11 or newer, found none; install one, or name it by the option python'
    return vim.notify(text, vim.log.levels.ERROR)
  end
  local buffer = require('lory.window').split('lory-install', { 'Lory makes its environment (once, a minute or two); :Lory cancel ends that.' })
  running = { lines = vim.api.nvim_buf_get_lines(buffer, 0, -1, false), buffer = buffer, cancelled = false }
  vim.cmd.wincmd('p')
  require('lory.client').stop(function()
    if vim.uv.fs_stat(server.ready_file()) then
      remove(former())
      vim.uv.fs_rename(server.environment(), former())
    end
    remove(server.environment())
    vim.fn.mkdir(vim.fs.dirname(server.environment()), 'p')
    run(steps_with(python), 1)
  end)
end

---End a running installation, and remove what is there of it.
function M.cancel()
  if not running then
    return vim.notify('lory: no installation is running', vim.log.levels.INFO)
  end
  running.cancelled = true
  if running.process then
    vim.uv.kill(-running.process.pid, 'sigterm') -- pip's own processes too
  end
end

vim.api.nvim_create_autocmd('VimLeavePre', {
  group = vim.api.nvim_create_augroup('lory.install', {}),
  callback = function()
    if running and running.process then
      vim.uv.kill(-running.process.pid, 'sigterm')
      running.process:wait(2000)
      undo()
    end
  end,
})

return M
