-- Programs that the plugin starts: finds them, and runs them where no project can lend them its own modules.
local M = {}

local SEPARATOR = vim.fn.has('win32') == 1 and ';' or ':'

---A folder of Lory's own for programs to work in: Python imports from the one that it is started in.
---@return string
function M.folder()
  local folder = vim.fs.joinpath(vim.fn.stdpath('state') --[[@as string]], 'lory', 'working-folder')
  vim.fn.mkdir(folder, 'p', tonumber('700', 8))
  return folder
end

---The absolute path of a program, given its own or its name; nil where there is none. Relative entries of PATH, which a
---project could fill, do not count.
---@param name string
---@return string?
function M.find(name)
  if name:find('[/\\]') then
    local path = vim.fn.fnamemodify(name, ':p')
    return vim.fn.executable(path) == 1 and path or nil
  end
  for _, folder in ipairs(vim.split(vim.env.PATH or '', SEPARATOR, { plain = true, trimempty = true })) do
    local path = folder .. '/' .. name
    if vim.fn.isabsolutepath(folder) == 1 and vim.fn.executable(path) == 1 then
      return path
    end
  end
end

---Start a program in Lory's folder.
---@param command string[]
---@param how? vim.SystemOpts
---@param done? fun(result: vim.SystemCompleted)
---@return vim.SystemObj
function M.run(command, how, done)
  return vim.system(command, vim.tbl_extend('force', { text = true, cwd = M.folder() }, how or {}), done)
end

return M
