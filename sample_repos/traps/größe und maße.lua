-- The name of this file has a space and letters that git quotes unless it is asked not to.
local inch = 25.4

--- Screw sizes: the drill for a thread, in millimetres.
local function core_hole(diameter, pitch)
  return diameter - pitch
end

return { inch = inch, core_hole = core_hole }
