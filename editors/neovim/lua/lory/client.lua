-- The language client: takes Neovim's events, keeps the server running, and the buffers that it reads.
local documents = require('lory.documents')
local programs = require('lory.programs')
local server = require('lory.server')
local settings = require('lory.settings')
local status = require('lory.status')

local M = {}

local ROOT_MARKERS = { '.git', 'pyproject.toml', 'setup.py' }

---@class (exact) lory.Restarts
---@field times integer[] When the server was started again, in milliseconds.
---@field limit integer How often within `span` that is done.
---@field span integer Milliseconds.
local restarts = { times = {}, limit = 4, span = 180000 }

---The client that reads a buffer.
---@param buffer? integer
---@return vim.lsp.Client?
function M.of(buffer)
  return vim.lsp.get_clients({ name = 'lory', bufnr = buffer })[1]
end

---The buffers that a client reads.
---@param client vim.lsp.Client
---@return integer[]
function M.buffers(client)
  return vim.tbl_filter(vim.api.nvim_buf_is_valid, vim.tbl_keys(client.attached_buffers))
end

---The configuration of `vim.lsp.enable('lory')`.
---@return vim.lsp.Config
function M.config()
  return {
    cmd = function(dispatchers, config)
      return vim.lsp.rpc.start(server.command('lsp'), dispatchers, {
        cwd = config and config.cmd_cwd or programs.folder(),
      })
    end,
    root_markers = ROOT_MARKERS,
    root_dir = M.choose_root,
    settings = { lory = vim.empty_dict() },
    capabilities = {
      experimental = { loryStatus = true },
      textDocument = { inlineCompletion = { dynamicRegistration = false } },
      workspace = { configuration = false }, -- settings are pushed: they arrive before the text that they allow
    },
    handlers = { ['lory/status'] = status.on_status },
    before_init = function(params, config)
      local given = config.init_options or vim.empty_dict() -- `trusted` goes there
      params.initializationOptions = vim.tbl_extend('keep', given, settings.current())
      config.settings.lory = settings.current()
    end,
    on_exit = vim.schedule_wrap(M.on_exit),
  }
end

---Give a buffer's project to `on_dir`, which starts the server; not for text that is not to be sent.
---@param buffer integer
---@param on_dir fun(root?: string)
function M.choose_root(buffer, on_dir)
  if documents.why_off(buffer) then
    return
  end
  if not server.find() then
    vim.notify_once('lory: no server found; run :Lory install, or see :help lory-server', vim.log.levels.WARN)
    return
  end
  documents.expect(buffer)
  on_dir(vim.fs.root(buffer, vim.lsp.config.lory.root_markers or ROOT_MARKERS))
end

---@param client vim.lsp.Client
---@param buffer integer
function M.on_attach(client, buffer)
  documents.opened(buffer)
  status.refresh(client, buffer)
  require('lory.suggestions').attach(client, buffer)
  require('lory.keymaps').attach(buffer)
end

---Send the settings as they are now, and read just the buffers that they allow.
function M.apply_settings()
  for _, client in ipairs(vim.lsp.get_clients({ name = 'lory' })) do
    client.settings.lory = settings.current()
    client:notify('workspace/didChangeConfiguration', { settings = client.settings })
    for _, buffer in ipairs(M.buffers(client)) do
      if documents.why_off(buffer) then
        documents.close(client, buffer)
      else
        status.refresh(client, buffer)
      end
    end
  end
  if settings.enabled() then
    vim.lsp.enable('lory')
  end
  status.announce()
end

---Start the server again after it was killed or crashed; not for ever.
---@param code integer
---@param signal integer
---@param id integer
function M.on_exit(code, signal, id)
  status.forget(id)
  local wanted = code == 0 and (signal == 0 or signal == 15)
  if wanted or vim.v.exiting ~= vim.NIL then
    return
  end
  local now = vim.uv.now()
  restarts.times = vim.tbl_filter(function(time)
    return now - time < restarts.span
  end, restarts.times)
  if #restarts.times >= restarts.limit then
    status.fail('the server keeps stopping; see :Lory log, then :Lory restart')
    vim.notify('lory: the server stopped too often and stays off; see :Lory log, then :Lory restart', vim.log.levels.ERROR)
    return
  end
  table.insert(restarts.times, now)
  local wait = 250 * 2 ^ (#restarts.times - 1)
  status.wait('the server stopped; starting it again')
  vim.notify(('lory: the server stopped; starting it again in %.1f s'):format(wait / 1000), vim.log.levels.WARN)
  vim.defer_fn(function()
    status.clear()
    vim.lsp.enable('lory')
  end, wait)
end

---Stop the server; `done` is called once it is gone, after five seconds in any case.
---@param done fun()
function M.stop(done)
  local clients = vim.lsp.get_clients({ name = 'lory' })
  for _, client in ipairs(clients) do
    client:stop()
  end
  local deadline = vim.uv.now() + 5000
  local function look()
    local gone = vim.iter(clients):all(function(client)
      return client:is_stopped()
    end)
    if gone or vim.uv.now() > deadline then
      return done()
    end
    vim.defer_fn(look, 20)
  end
  look()
end

---Stop the server and start it afresh.
function M.restart()
  restarts.times = {}
  status.clear()
  M.stop(function()
    vim.lsp.enable('lory')
  end)
end

return M
