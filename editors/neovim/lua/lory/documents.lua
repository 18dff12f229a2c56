-- The documents that the server knows: closes one when its text is not to be sent any more, and opens it anew when the
-- buffer gets another name or language, of which Neovim's own client tells the server nothing, or too late.
local placeholder = require('lory.placeholder')
local settings = require('lory.settings')

local M = {}

---@type table<integer, string> The language that a buffer was opened with.
local languages = {}
---@type table<integer, true> Buffers that `vim.lsp.enable` has chosen a server for.
local chosen = {}
---@type table<integer, integer> The client of buffers whose name is changing.
local renaming = {}
---@type integer? The one buffer that is read without a name: by its URI a second one would be the same document.
local nameless
local watches = false

---@param buffer integer
---@return boolean
local function is_nameless(buffer)
  return vim.api.nvim_buf_is_loaded(buffer) and vim.api.nvim_buf_get_name(buffer) == ''
end

---Why a buffer's text is not sent; nil where it is.
---@param buffer integer
---@return string?
function M.why_off(buffer)
  local off = settings.why_off(buffer)
  if not off and nameless and nameless ~= buffer and is_nameless(buffer) and is_nameless(nameless) then
    off = 'another buffer has no name either; give one of them a name'
  end
  return off
end

---Neovim is about to have a buffer read.
---@param buffer integer
function M.expect(buffer)
  chosen[buffer] = true
  if is_nameless(buffer) then
    nameless = buffer
  end
end

---Have a client read a buffer no longer.
---@param client vim.lsp.Client
---@param buffer integer
function M.close(client, buffer)
  placeholder.hold(buffer)
  vim.lsp.buf_detach_client(buffer, client.id)
end

---Have it read again what it has read before, by the server of its project where Neovim chooses that.
---@param client_id integer
---@param buffer integer
local function open(client_id, buffer)
  if chosen[buffer] then
    vim.lsp.enable('lory')
  elseif vim.api.nvim_buf_is_loaded(buffer) and not M.why_off(buffer) then
    vim.lsp.buf_attach_client(buffer, client_id)
  end
end

---@param event vim.api.keyset.create_autocmd.callback_args
local function before_name(event)
  local client = require('lory.client').of(event.buf)
  if client then
    M.close(client, event.buf)
    renaming[event.buf] = client.id
  end
end

---@param event vim.api.keyset.create_autocmd.callback_args
local function after_name(event)
  local client_id = renaming[event.buf]
  renaming[event.buf] = nil
  if client_id then
    open(client_id, event.buf)
  end
end

---@param event vim.api.keyset.create_autocmd.callback_args
local function after_language(event)
  local client = require('lory.client').of(event.buf)
  if client and languages[event.buf] ~= vim.bo[event.buf].filetype then
    M.close(client, event.buf)
    open(client.id, event.buf)
  end
end

---Look after the buffers' names and languages. No event is bound to a buffer: where one without a name is written,
---Neovim says that it is wiped out and new, and drops what is bound to it.
local function watch()
  if watches then
    return
  end
  watches = true
  local group = vim.api.nvim_create_augroup('lory.documents', {})
  local function on(events, callback)
    vim.api.nvim_create_autocmd(events, { group = group, callback = callback })
  end
  on({ 'BufFilePre', 'BufWipeout' }, before_name)
  on({ 'BufFilePost', 'BufNew' }, after_name)
  on('FileType', after_language)
end

---A client reads a buffer from now on.
---@param buffer integer
function M.opened(buffer)
  languages[buffer] = vim.bo[buffer].filetype
  placeholder.release(buffer)
  watch()
end

return M
