-- Completion menus: says whether Neovim's own, blink.cmp's or nvim-cmp's is open, and when that changes.
local M = {}

---@return boolean
local function blink_is_open()
  local blink = package.loaded['blink.cmp']
  local ask = blink and (blink.is_menu_visible or blink.is_visible)
  return ask ~= nil and ask() == true
end

---@return boolean
local function cmp_is_open()
  local cmp = package.loaded['cmp']
  return cmp ~= nil and cmp.visible() == true
end

---@return boolean
function M.is_open()
  return vim.fn.pumvisible() == 1 or blink_is_open() or cmp_is_open()
end

local watches_cmp = false

---Call `changed` whenever a menu opens or closes.
---@param changed fun()
function M.watch(changed)
  local group = vim.api.nvim_create_augroup('lory.menu', {})
  local later = vim.schedule_wrap(changed) -- the menu is open, or gone, only after the event
  vim.api.nvim_create_autocmd({ 'CompleteChanged', 'CompleteDone' }, { group = group, callback = later })
  vim.api.nvim_create_autocmd('User', {
    group = group,
    pattern = { 'BlinkCmpMenuOpen', 'BlinkCmpMenuClose' },
    callback = later,
  })
  vim.api.nvim_create_autocmd('InsertEnter', {
    group = group,
    callback = function() -- nvim-cmp is often loaded this late
      local cmp = package.loaded['cmp']
      if cmp and cmp.event and not watches_cmp then
        watches_cmp = true
        cmp.event:on('menu_opened', later)
        cmp.event:on('menu_closed', later)
      end
    end,
  })
end

return M
