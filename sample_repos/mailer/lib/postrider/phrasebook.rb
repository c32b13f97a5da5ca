# frozen_string_literal: true

require "json"

module Postrider
  # Letters in several languages, one JSON file a language.
  class Phrasebook
    class UnknownLetter < Error; end

    def initialize(folder, fallback: "en")
      @fallback = fallback
      @letters = Dir.glob(File.join(folder, "*.json")).to_h do |path|
        [File.basename(path, ".json").downcase, JSON.parse(File.read(path, encoding: "UTF-8"))]
      end
    end

    # The letter in the language that the reader likes best, of those there are.
    #
    # @param wishes what the browser or the profile says: "de-AT,de;q=0.8,en;q=0.5"
    # @return [Hash] with "subject", "text" and perhaps "html"
    def letter(name, wishes)
      candidates(wishes).each do |language|
        found = @letters.dig(language, name)
        return found if found
      end
      raise UnknownLetter, "there is no letter called #{name}"
    end

    private

    # "de-AT" is satisfied by "de", and everybody by the fallback in the end.
    def candidates(wishes)
      ranked = wishes.to_s.downcase.split(",").map do |wish|
        tag, quality = wish.strip.split(/\s*;\s*q=/)
        [tag.to_s, (quality || 1).to_f]
      end
      tags = ranked.reject { |_, quality| quality.zero? }.sort_by.with_index { |(_, q), i| [-q, i] }.map(&:first)
      tags.flat_map { |tag| [tag, tag.split("-").first] }.compact.push(@fallback).uniq
    end
  end
end
