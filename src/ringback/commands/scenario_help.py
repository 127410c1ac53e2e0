"""What a scenario of `ringback app test` looks like (`testing/scenario_file.py` reads it)."""

HELP = """A scenario is a TOML file:

  kind = "inbound"         # or "callback": what starts the session
  start = 1000000          # the clock, seconds since the epoch
  [parameters]             # of the route point
  queue = "sales"
  [about]                  # over the defaults of _genesys.interaction
  ani = "+14155550100"     # (or of _genesys.callback)
  [tables.BUSINESS_HOURS.office]        # published tables, row by row
  zone = "UTC"
  hours = "Mon-Fri 09:00-17:00"
  [statistics]             # what sData("sales", "CallsWaiting") says
  "sales CallsWaiting" = 3

  [[step]]                 # the next action of the application
  expect = "queue.query"
  with = {queue = "sales"} # attributes that it must have
  done = {agentsready = 2} # succeeds, with this in its event's data;
                           # error = "reason": fails; neither: later
  [[step]]                 # an event from the world
  event = "queue.submit.done"
  answers = "queue.submit" # adds the requestid of the last of these
  data = {agent = "ann", dn = "1001", reservation = "r1"}
  [[step]]
  wait = 30                # moves the clock by so many seconds
  [[step]]
  states = ["waiting"]     # must be active now
  [[step]]
  ended = true             # the session must be over
  [[step]]                 # a VoiceXML dialog is run, and the caller presses
  expect = "dialog.start"  # this; "" is nothing, "12#" ends with the hash
  keys = ["1", "", "5#"]   # key, "hangup" hangs up. Documents lie beside the
                           # application; [pages] has those of other servers:
                           # "http://host/path" = "text"

Actions must come in this order; one that no step expects fails the
scenario, also at its end. With optional = true beside expect an action
may be absent. Scripts see the scenario's clock in Date."""
