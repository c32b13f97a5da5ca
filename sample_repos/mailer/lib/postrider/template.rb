# frozen_string_literal: true

require "cgi"

module Postrider
  # Text with holes: {{name}} is filled with a value, {{{name}}} is filled as it is.
  #
  # There are no loops and no conditions on purpose. Whoever needs them writes Ruby, and the
  # people who write the letters get something that they cannot break.
  class Template
    class MissingValue < Error; end

    HOLE = /\{\{\{\s*(\w+)\s*\}\}\}|\{\{\s*(\w+)\s*\}\}/

    def initialize(source, html:)
      @source = source
      @html = html
    end

    # Fills every hole. In HTML the values are escaped, because a user who calls himself
    # <script> should be greeted by that name and not obeyed.
    def fill(values)
      @source.gsub(HOLE) do
        raw = Regexp.last_match(1)
        name = raw || Regexp.last_match(2)
        value = fetch(values, name)
        @html && raw.nil? ? CGI.escapeHTML(value) : value
      end
    end

    def holes
      @source.scan(HOLE).map { |raw, escaped| raw || escaped }.uniq
    end

    private

    # A letter that begins "Dear ," must not leave the house.
    def fetch(values, name)
      value = values.fetch(name.to_sym) { values[name] }
      raise MissingValue, "no value for {{#{name}}}" if value.nil?

      value.to_s
    end
  end
end
