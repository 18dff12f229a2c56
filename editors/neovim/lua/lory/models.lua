-- `:Lory model`: takes a command and a name, has `lory model` do it, says what came of it.
local programs = require('lory.programs')
local server = require('lory.server')
local sorted_keys = require('lory.sorted_keys')
local window = require('lory.window')

local M = {}

---The server's word for: this was asked, and not accepted yet.
local LICENCE = '--accept-licence'
local PATIENCE = 10000

---@class (exact) lory.Listing
---@field models { name: string, in_use: boolean, fault: string }[]
---@field known { name: string, about: string }[]

---What is kept, and what can be added by a name; nil where that cannot be said.
---@return lory.Listing?
function M.list()
  local found, command = pcall(server.command, 'model', 'list', '--json')
  if not found then
    return nil
  end
  local result = programs.run(command):wait(PATIENCE)
  return result.code == 0 and vim.json.decode(result.stdout) or nil
end

---@param lines string
---@return string
local function last_line(lines)
  local all = vim.split(vim.trim(lines), '\n')
  return (all[#all]:gsub('^lory: ', ''))
end

---Run `lory model` with these words, its lines told as they come.
---@param words string[]
---@param done fun(failed: boolean, said: string, output: string)
---@param tell? fun(line: string)
local function run(words, done, tell)
  local errors = {}
  local how = {
    env = { COLUMNS = '100' },
    stderr = vim.schedule_wrap(function(_, data)
      table.insert(errors, data or '')
      for _, line in ipairs(vim.split(data or '', '[\r\n]+', { trimempty = true })) do
        if tell then
          tell(line)
        end
      end
    end),
  }
  programs.run(server.command('model', unpack(words)), how, vim.schedule_wrap(function(result)
    vim.schedule(function() -- after the last line
      done(result.code ~= 0, last_line(table.concat(errors)), result.stdout or '')
    end)
  end))
end

---@param failed boolean
---@param said string
local function notify(failed, said)
  vim.notify('lory: ' .. said, failed and vim.log.levels.ERROR or vim.log.levels.INFO)
end

---Show what a command prints, in a window below.
---@param name string
---@param words string[]
local function show(name, words)
  run(words, function(failed, said, output)
    if failed then
      notify(failed, said)
    else
      window.split(name, vim.split(vim.trim(output), '\n'))
    end
  end)
end

---Add a model; its licence is asked for where that was not done yet.
---@param source string
---@param accepted boolean
local function add(source, accepted)
  local lines = {}
  local buffer = accepted and window.split('lory-model', lines) or nil
  local words = { 'add', source, accepted and LICENCE or nil }
  run(words, function(failed, said)
    if not (failed and said:find(LICENCE, 1, true)) then
      return notify(failed, said)
    end
    vim.ui.select({ 'Accept', 'Cancel' }, { prompt = said:gsub('; accept.*', '') }, function(answer)
      if answer == 'Accept' then
        add(source, true)
      end
    end)
  end, function(line)
    table.insert(lines, line)
    if buffer and vim.api.nvim_buf_is_valid(buffer) then
      window.fill(buffer, lines)
    end
  end)
end

---A path as the server's program, which works in another folder, understands it. A folder is one only with a separator:
---a known name is never a project's folder.
---@param source string
---@return string
local function absolute(source)
  local is_path = source:find('[/\\]') and vim.uv.fs_stat(vim.fs.normalize(source)) or vim.fn.filereadable(source) == 1
  return is_path and vim.fn.fnamemodify(source, ':p') or source
end

---@type table<string, fun(name?: string)>
M.actions = {
  list = function()
    show('lory-models', { 'list' })
  end,
  show = function(name)
    show('lory-model', { 'show', name or 'shipped' })
  end,
  use = function(name)
    run({ 'use', name or 'shipped' }, notify)
  end,
  remove = function(name)
    if name and vim.fn.confirm(("Remove the model '%s'?"):format(name), '&Yes\n&No', 2) == 1 then
      run({ 'remove', name }, notify)
    end
  end,
  add = function(source)
    if source then
      add(absolute(source), false)
    end
  end,
}

---@param action? string
---@param name? string
function M.run(action, name)
  local act = M.actions[action or 'list']
  if not act then
    local text = "lory: unknown command '%s' of :Lory model; known are: %s"
    return vim.notify(text:format(action, table.concat(sorted_keys(M.actions), ', ')), vim.log.levels.ERROR)
  end
  act(name)
end

---What may follow `:Lory model` and these words.
---@param given string[]
---@return string[]
function M.complete(given)
  if #given == 0 then
    return sorted_keys(M.actions)
  end
  local found = M.list()
  if not found or given[1] == 'list' then
    return {}
  end
  return vim.tbl_map(function(each)
    return each.name
  end, given[1] == 'add' and found.known or found.models)
end

return M
