-- The server's command: takes the options, gives what starts the server, or nil where there is none.
local options = require('lory.options')
local programs = require('lory.programs')

local M = {}

---@class (exact) lory.Command
---@field argv string[] The program and its first arguments; `lsp`, `stats` and so on follow.
---@field from string Where it was found, for people.

---The folder of the environment that `:Lory install` makes.
---@return string
function M.environment()
  return vim.fs.joinpath(vim.fn.stdpath('data') --[[@as string]], 'lory', 'environment')
end

---The file that says that the environment is complete.
---@return string
function M.ready_file()
  return vim.fs.joinpath(M.environment(), 'ready')
end

---The checkout of Lory that this plugin lies in.
---@return string
function M.checkout()
  local here = debug.getinfo(1, 'S').source:sub(2)
  return vim.fs.normalize(vim.fn.resolve(vim.fn.fnamemodify(here, ':p:h:h:h:h:h')))
end

---What of a language server's command comes before `lsp`, the program by its path where there is one.
---@param cmd string[]
---@return string[]
local function without_lsp(cmd)
  local argv = vim.deepcopy(cmd)
  argv[1] = programs.find(argv[1]) or argv[1]
  if argv[#argv] == 'lsp' then
    argv[#argv] = nil
  end
  return argv
end

---The command of `lory`, without the subcommand.
---@return lory.Command?
function M.find()
  local configured = vim.lsp.config.lory and vim.lsp.config.lory.cmd
  if type(configured) == 'table' then
    return { argv = without_lsp(configured), from = "vim.lsp.config('lory')" }
  end
  local given = options.get().cmd
  if given then
    return { argv = without_lsp(given), from = 'option cmd' }
  end
  if vim.uv.fs_stat(M.ready_file()) then
    return { argv = { vim.fs.joinpath(M.environment(), 'bin', 'lory') }, from = ':Lory install' }
  end
  local path = programs.find('lory')
  return path and { argv = { path }, from = 'PATH' } or nil
end

---The whole command of one of Lory's subcommands; an error where there is no server.
---@param ... string
---@return string[]
function M.command(...)
  local found = M.find()
  if not found then
    error('lory: no server found; run :Lory install, or set the option cmd', 0)
  end
  return vim.list_extend(vim.deepcopy(found.argv), { ... })
end

return M
