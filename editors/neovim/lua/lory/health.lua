-- `:checkhealth lory`: takes nothing, reports what is there, what is off and why.
local health = vim.health

local M = {}

---The file that the server's standard error goes to.
---@return string
function M.log_path()
  return vim.lsp.log.get_filename()
end

local function check_server()
  health.start('lory: server')
  local server = require('lory.server')
  local found = server.find()
  if not found then
    return health.error('no server found', { 'Run :Lory install', 'or set the option cmd, see :help lory-server' })
  end
  local command = table.concat(found.argv, ' ')
  local started, process = pcall(require('lory.programs').run, vim.list_extend(vim.deepcopy(found.argv), { '--version' }))
  local result = started and process:wait(20000) or { code = 1, stderr = process }
  if result.code ~= 0 then
    return health.error(("'%s' (from %s) does not run: %s"):format(command, found.from, result.stderr), ':Lory install')
  end
  health.ok(('%s: %s (from %s)'):format(vim.trim(result.stdout), command, found.from))
  local ready, project = vim.uv.fs_stat(server.ready_file()), vim.fs.joinpath(server.checkout(), 'pyproject.toml')
  local changed = vim.uv.fs_stat(project)
  if found.from == ':Lory install' and ready and changed and changed.mtime.sec > ready.mtime.sec then
    health.warn('the checkout is newer than its environment', ':Lory install')
  end
end

local function check_clients()
  health.start('lory: client')
  local clients = vim.lsp.get_clients({ name = 'lory' })
  if #clients == 0 then
    health.warn('no server runs', { "vim.lsp.enable('lory')", 'open a file of a language that is on' })
  end
  for _, client in ipairs(clients) do
    local state = require('lory.status').of_client(client.id)
    local report = state.state == 'error' and health.error or health.ok
    report(('server %d, %s: %s, %s'):format(client.id, client.root_dir or 'no project', state.state, state.message))
  end
  health.info('log: ' .. M.log_path())
end

local function check_buffers()
  health.start('lory: buffers')
  for _, buffer in ipairs(vim.api.nvim_list_bufs()) do
    if vim.api.nvim_buf_is_loaded(buffer) and vim.bo[buffer].buftype == '' and vim.bo[buffer].filetype ~= '' then
      local name = vim.fn.fnamemodify(vim.api.nvim_buf_get_name(buffer), ':~:.')
      health.info(('%s: %s'):format(name, require('lory').status(buffer)))
    end
  end
end

---@param buffer integer
---@param key string
---@return string
local function owner(buffer, key)
  local map = vim.api.nvim_buf_call(buffer, function()
    return vim.fn.maparg(key, 'i', false, true)
  end)
  return map.desc or map.rhs or 'nothing'
end

local function check_keys()
  health.start('lory: keys')
  local client = vim.lsp.get_clients({ name = 'lory' })[1]
  local buffer = client and require('lory.client').buffers(client)[1]
  local wanted = require('lory.options').keymaps()
  if not next(wanted) then
    local tab = ('<Tab> in insert mode is: %s'):format(owner(buffer or 0, '<Tab>'))
    return health.info('no keys are mapped by Lory; ' .. tab)
  end
  for action, key in pairs(wanted) do
    local holder = buffer and owner(buffer, key) or nil
    if holder and not holder:find('^Lory: ') then
      health.warn(("%s (%s) is taken by '%s'"):format(key, action, holder), 'let that map fall back, or choose another key')
    elseif holder then
      health.ok(('%s: %s'):format(key, action))
    end
  end
end

local function check_neighbours()
  health.start('lory: neighbours')
  for name, title in pairs({ ['blink.cmp'] = 'blink.cmp', cmp = 'nvim-cmp' }) do
    if package.loaded[name] then
      health.info(("%s is there; ghost text and its menu: '%s'"):format(title, require('lory.options').get().menu))
    end
  end
  for _, name in ipairs({ 'copilot', 'codeium', 'supermaven-nvim', 'tabnine' }) do
    if package.loaded[name] then
      health.warn(name .. ' is there too: both may show ghost text', 'turn one of them off')
    end
  end
end

function M.check()
  health.start('lory')
  local version = tostring(vim.version())
  if vim.fn.has('nvim-0.11') == 0 then
    return health.error('expected Neovim 0.11 or newer, found ' .. version)
  end
  health.ok('Neovim ' .. version)
  health.info('ghost text: ' .. require('lory.options').get().ghost_text)
  check_server()
  check_clients()
  check_buffers()
  check_keys()
  check_neighbours()
end

return M
