-- Ghost text: takes the cursor's moves, asks the server, shows an answer and inserts what is accepted.
local insertion = require('lory.insertion')
local menu = require('lory.menu')
local modes = require('lory.modes')
local shown = require('lory.shown')

local M = {}

local METHOD = 'textDocument/inlineCompletion'
local AUTOMATIC, INVOKED = 2, 1

---@type { client_id: integer, id: integer }? The request without an answer yet.
local pending
---Counts requests: only the latest one's answer is shown.
local latest = 0
---Where was asked last, so that the two events of one key ask once.
local asked_at = ''

---Where nothing was asked last, as a menu was open.
local yielded_at = ''

---@param column? integer In bytes; the cursor's if nil.
---@return string
local function place(column)
  local row, at = shown.cursor()
  local buffer = vim.api.nvim_get_current_buf()
  return ('%d:%d:%d:%d'):format(buffer, vim.api.nvim_buf_get_changedtick(buffer), row, column or at)
end

local function cancel()
  latest = latest + 1
  if pending then
    local client = vim.lsp.get_client_by_id(pending.client_id)
    if client then
      client:cancel_request(pending.id)
    end
    pending = nil
  end
end

---The byte column at which an answer's text begins; the cursor's where it does not say.
---@param client vim.lsp.Client
---@param item lsp.InlineCompletionItem
---@return integer
local function column_of(client, item)
  local row, column, line = shown.cursor()
  local start = item.range and item.range.start
  if start and start.line == row then
    return vim.str_byteindex(line, client.offset_encoding, start.character, false)
  end
  return column
end

---@param client vim.lsp.Client
---@param result lsp.InlineCompletionList|lsp.InlineCompletionItem[]
---@param asked boolean
local function take(client, result, asked)
  local row, column, line = shown.cursor()
  local before, former = shown.rest(), shown.get()
  local items, start = {}, column
  for _, item in ipairs(result.items or result) do
    items[#items + 1] = { text = insertion.with_newlines(item.insertText --[[@as string]]), command = item.command }
    start = column_of(client, item)
  end
  if #items == 0 then
    if not (former and former.asked and not asked) then -- what a person asked for stays
      shown.forget()
    end
    return
  end
  local index = 1
  for number, item in ipairs(items) do
    index = asked and item.text == before and number or index
  end
  shown.set({
    buffer = vim.api.nvim_get_current_buf(),
    row = row,
    column = start,
    tail = line:sub(column + 1),
    items = items,
    index = index,
    asked = asked,
  })
end

---Ask the server for suggestions at the cursor.
---@param kind integer
---@param done? fun() Called once the answer is taken.
local function ask(kind, done)
  local buffer = vim.api.nvim_get_current_buf()
  local client = require('lory.client').of(buffer)
  if not client or not client.initialized then
    return
  end
  cancel()
  local number, at = latest, place()
  asked_at, yielded_at = at, ''
  local params = vim.lsp.util.make_position_params(0, client.offset_encoding) --[[@as lsp.InlineCompletionParams]]
  params.context = { triggerKind = kind }
  local sent, id = client:request(METHOD, params, function(err, result)
    if number ~= latest then
      return
    end
    pending = nil
    if err or not result or at ~= place() or not modes.is_inserting() then
      return
    end
    take(client, result, kind == INVOKED)
    if done then
      done()
    end
    shown.draw()
  end, buffer)
  pending = sent and id and { client_id = client.id, id = id } or nil
end

---The text may have changed: show what still fits, and ask again.
local function follow_text()
  if not modes.is_inserting() then
    return
  end
  shown.keep_what_fits()
  shown.draw()
  if place() == asked_at or vim.fn.reg_executing() ~= '' then
    return
  end
  if shown.is_hidden() then
    yielded_at = place()
  else
    ask(AUTOMATIC)
  end
end

local function follow_cursor()
  if shown.get() then
    shown.keep_what_fits()
    shown.draw()
  end
end

function M.leave()
  cancel()
  shown.forget()
  asked_at = ''
end

M.enter = vim.schedule_wrap(follow_text)

local watches_menu = false

---@param buffer integer
---@param group integer
function M.attach(buffer, group)
  local function on(events, callback)
    vim.api.nvim_create_autocmd(events, { group = group, buffer = buffer, callback = callback })
  end
  on({ 'TextChangedI', 'TextChangedP' }, vim.schedule_wrap(follow_text))
  on('CursorMovedI', follow_cursor)
  if not watches_menu then
    watches_menu = true
    menu.watch(follow_text)
  end
end

---Whether nothing was asked at a column of the cursor's line, as a menu was open.
---@param column integer In bytes.
---@return boolean
function M.has_yielded(column)
  return place(column) == yielded_at
end

---@return boolean
function M.is_visible()
  return shown.rest() ~= nil
end

---Insert a part of what is visible, and go on showing the rest.
---@param part lory.Part
local function insert(part)
  local rest, current = shown.rest(), shown.get()
  if not rest or not current then
    return
  end
  local item = current.items[current.index]
  local text = part(rest)
  insertion.put(text)
  if text ~= rest then
    local row, column = shown.cursor()
    current.row, current.column = row, column
    current.items, current.index = { { text = rest:sub(#text + 1) } }, 1
    shown.draw()
    return
  end
  shown.forget()
  local client = require('lory.client').of(current.buffer)
  if item.command and client then
    client:exec_cmd(item.command, { bufnr = current.buffer })
  end
end

---@param part lory.Part
---@return boolean
function M.accept(part)
  if not M.is_visible() then
    return false
  end
  local done, err = pcall(insert, part)
  if not done and tostring(err):find('E565') then -- in an expression mapping the text is locked
    vim.schedule(function()
      insert(part)
    end)
  elseif not done then
    error(err, 0)
  end
  return true
end

---@param count integer
---@return boolean
function M.cycle(count)
  local before = shown.get()
  if not shown.rest() or not before then
    return false
  end
  local function move()
    local current = shown.get()
    if current and #current.items == 1 then
      vim.notify('lory: no other suggestion', vim.log.levels.INFO)
    elseif current then
      current.index = (current.index - 1 + count) % #current.items + 1
    end
  end
  if not before.asked then
    ask(INVOKED, move)
    return true
  end
  move()
  shown.draw()
  return true
end

---@return boolean
function M.dismiss()
  if not M.is_visible() then
    return false
  end
  cancel()
  shown.forget()
  return true
end

function M.trigger()
  ask(INVOKED, function()
    if not shown.get() then
      vim.notify('lory: nothing to suggest here; :Lory why tells the reason', vim.log.levels.INFO)
    end
  end)
end

return M
