-- What Lory is doing: takes the server's notes, gives a few words for the statusline.
local M = {}

---@class (exact) lory.State
---@field state 'loading'|'ready'|'off'|'error'|'installing'
---@field percent integer
---@field message string
---@field label? string

---@type table<integer, lory.State> By client.
local states = {}
---@type table<integer, string> Why the server does not read a buffer.
local unread = {}
---@type lory.State? What holds while no server runs.
local without_server

---Tell statuslines and the user's autocommands.
function M.announce()
  vim.cmd.redrawstatus({ bang = true })
  vim.api.nvim_exec_autocmds('User', { pattern = 'LoryStatus', modeline = false })
end

---The handler of `lory/status`.
---@param _ any
---@param state lory.State
---@param context lsp.HandlerContext
function M.on_status(_, state, context)
  states[context.client_id] = state
  local client = vim.lsp.get_client_by_id(context.client_id)
  for _, buffer in ipairs(client and require('lory.client').buffers(client) or {}) do
    M.refresh(client --[[@as vim.lsp.Client]], buffer)
  end
  M.announce()
end

---Ask whether the server reads a buffer, and why not.
---@param client vim.lsp.Client
---@param buffer integer
function M.refresh(client, buffer)
  local params = { textDocument = { uri = vim.uri_from_bufnr(buffer) } }
  client:request('lory/explain', params, function(_, explained)
    unread[buffer] = explained and not explained.read and explained.reason or nil
    M.announce()
  end, buffer)
end

---@param client_id integer
function M.forget(client_id)
  states[client_id] = nil
  M.announce()
end

---@param message string
function M.wait(message)
  without_server = { state = 'loading', percent = 0, message = message }
  M.announce()
end

---@param message string
function M.fail(message)
  without_server = { state = 'error', percent = 100, message = message }
  M.announce()
end

function M.clear()
  without_server = nil
  M.announce()
end

---@param client vim.lsp.Client
---@param buffer integer
---@return boolean
local function is_completing(client, buffer)
  return vim.iter(pairs(client.requests)):any(function(_, request)
    return request.type == 'pending' and request.method == 'textDocument/inlineCompletion' and request.bufnr == buffer
  end)
end

---@param client_id integer
---@return lory.State
function M.of_client(client_id)
  return states[client_id] or { state = 'loading', percent = 0, message = 'starting' }
end

---What holds for a buffer, and its explanation where there is one.
---@param buffer integer
---@return lory.State
function M.state(buffer)
  if require('lory.install').is_running() then
    return { state = 'installing', percent = 0, message = 'the server is being installed' }
  end
  local off = require('lory.documents').why_off(buffer)
  if off then
    return { state = 'off', percent = 100, message = off }
  end
  local client = require('lory.client').of(buffer)
  if not client then
    local message = require('lory.server').find() and 'no server runs' or 'no server, run :Lory install'
    return without_server or { state = 'off', percent = 100, message = message }
  end
  local state = M.of_client(client.id)
  if state.state == 'ready' and unread[buffer] then
    return { state = 'off', percent = 100, message = unread[buffer] }
  end
  return state
end

---A few words: `ready`, `ready: remote`, `loading 40 %`, `completing`, `off: why`, `error`, `installing`.
---@param buffer integer
---@return string
function M.text(buffer)
  local found = M.state(buffer)
  if found.state == 'loading' then
    return ('loading %d %%'):format(found.percent)
  elseif found.state == 'off' then
    return 'off: ' .. found.message
  end
  local client = require('lory.client').of(buffer)
  if found.state == 'ready' and client and is_completing(client, buffer) then
    return 'completing'
  end
  local label = found.state == 'ready' and found.label or ''
  return label == '' and found.state or found.state .. ': ' .. label
end

return M
