-- A server that does nothing, which holds a buffer while no real one reads it. Neovim watches a buffer's changes for all
-- servers at once, and gives that up for good at the first change that no server is there for: whatever reads the buffer
-- later would never hear of another one.
local M = {}

local NAME = 'lory-placeholder'

---@param dispatchers vim.lsp.rpc.Dispatchers
---@return vim.lsp.rpc.PublicClient
local function start(dispatchers)
  local closing, requests = false, 0
  local function finish()
    if not closing then
      closing = true
      dispatchers.on_exit(0, 0)
    end
  end
  return {
    request = function(method, _, answer)
      requests = requests + 1
      answer(nil, method == 'initialize' and { capabilities = vim.empty_dict() } or vim.NIL)
      return true, requests
    end,
    notify = function(method)
      if method == 'exit' then
        finish()
      end
      return true
    end,
    is_closing = function()
      return closing
    end,
    terminate = finish,
  }
end

---Hold a buffer; it is sent to nobody.
---@param buffer integer
function M.hold(buffer)
  if vim.v.exiting == vim.NIL and vim.api.nvim_buf_is_loaded(buffer) then
    vim.lsp.start({ name = NAME, cmd = start }, { bufnr = buffer })
  end
end

---Let go of it.
---@param buffer integer
function M.release(buffer)
  for _, client in ipairs(vim.lsp.get_clients({ name = NAME, bufnr = buffer })) do
    vim.lsp.buf_detach_client(buffer, client.id)
  end
end

return M
