# frozen_string_literal: true

# Mail for web applications. See README.md for the way a message takes.
module Postrider
  class Error < StandardError; end

  VERSION = "3.0.1"
end

require_relative "postrider/address"
require_relative "postrider/template"
require_relative "postrider/phrasebook"
require_relative "postrider/headers"
require_relative "postrider/assembly"
require_relative "postrider/message"
require_relative "postrider/dkim"
require_relative "postrider/bounces"
require_relative "postrider/blocklist"
require_relative "postrider/opt_out"
require_relative "postrider/quiet_hours"
require_relative "postrider/pacing"
require_relative "postrider/digest"
require_relative "postrider/outbox"
require_relative "postrider/smtp_transport"
require_relative "postrider/office"
