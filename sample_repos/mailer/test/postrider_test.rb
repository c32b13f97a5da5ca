# frozen_string_literal: true

require "minitest/autorun"
require_relative "../lib/postrider"

class PostriderTest < Minitest::Test
  include Postrider

  def letter(to: "Zoë <zoe@example.org>", **options)
    message = Message.new(from: "shop@harbour.example", to: to, subject: "Grüße an {{name}}", **options)
    message.text = "Hello {{name}}"
    message.html = "<p>Hello {{name}}</p>"
    message
  end

  def test_values_are_escaped_in_html_only
    filled = letter.filled({ name: "<b>" })
    assert_equal "Hello <b>", filled.text
    assert_equal "<p>Hello &lt;b&gt;</p>", filled.html
  end

  def test_a_missing_value_stops_the_letter
    assert_raises(Template::MissingValue) { letter.filled({}) }
  end

  def test_subjects_survive_the_seven_bit_world
    head = letter.filled({ name: "Ørsted" * 10 }).to_rfc822.split("\r\n\r\n").first
    assert head.ascii_only?
    words = head.scan(/=\?UTF-8\?B\?([^?]+)\?=/).flatten
    assert_includes words.map { |word| word.unpack1("m").force_encoding("UTF-8") }.join, "Grüße an Ørsted"
  end

  def test_headers_cannot_be_smuggled_in
    assert_raises(Headers::Injection) { Headers.new.add("Subject", "x\r\nBcc: all@example.org") }
  end

  def test_slips_in_popular_domains_are_noticed
    assert_equal "zoe@gmail.com", Address.parse("zoe@gmial.com").likely_meant
    assert_nil Address.parse("zoe@example.org").likely_meant
    assert_raises(Address::Malformed) { Address.parse("zoe@example,org") }
  end

  def test_a_vanished_mailbox_is_blocked_at_once
    outbox = Outbox.new
    outbox.pretend("zoe@example.org", "550 5.1.1 user unknown")
    office = Office.new(transport: outbox, sleeper: ->(_) {})
    assert_equal :failed, office.send_out(letter, values: { name: "Zoë" }).status
    assert_equal :blocked, office.send_out(letter, values: { name: "Zoë" }).status
  end

  def test_newsletters_wait_for_the_morning_and_receipts_do_not
    office = Office.new(transport: Outbox.new, quiet_hours: QuietHours.new)
    night = Time.utc(2024, 3, 1, 2, 0)
    bulk = office.send_out(letter(category: :bulk), values: { name: "Z" }, utc_offset: 3600, now: night)
    assert_equal :postponed, bulk.status
    assert_equal 8, bulk.detail.hour
    assert office.send_out(letter, values: { name: "Z" }, utc_offset: 3600, now: night).sent?
  end

  def test_a_link_to_leave_cannot_be_forged
    opt_out = OptOut.new(base_url: "https://harbour.example/leave", secret: "s3cret")
    zoe = Address.parse("zoe@example.org")
    params = URI.decode_www_form(URI(opt_out.link(zoe)).query).to_h
    assert_raises(OptOut::Forged) { opt_out.accept(params.merge("a" => "max@example.org")) }
    opt_out.accept(params)
    assert opt_out.left?(zoe)
  end

  def test_the_pace_halves_at_a_complaint_and_is_shared_by_a_family
    now = 0.0
    pacing = Pacing.new(clock: -> { now })
    pacing.complained("googlemail.com")
    assert_in_delta 60.0, pacing.reserve("gmail.com")
    assert_in_delta 62.0, pacing.reserve("gmail.com")
  end
end
