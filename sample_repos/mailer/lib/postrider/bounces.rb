# frozen_string_literal: true

module Postrider
  # What it means when a letter comes back.
  #
  # Servers answer with three digits, often with an enhanced code (RFC 3463) and always with a
  # sentence that somebody made up. 4xx says "later", 5xx says "never", and both of them lie.
  class Bounces
    Verdict = Struct.new(:kind, :reason) do
      def permanent?
        kind == :mailbox_gone
      end

      def worth_another_try?
        %i[later mailbox_full greylisted].include?(kind)
      end
    end

    # The first rule that fits decides.
    RULES = [
      [/\b5\.1\.[01]\b|user unknown|no such (user|mailbox|recipient)|does not exist/i, :mailbox_gone],
      [/\b5\.2\.1\b|account (has been )?(disabled|deactivated)/i, :mailbox_gone],
      [/\b[45]\.2\.2\b|quota|mailbox (is )?full|over ?limit/i, :mailbox_full],
      [/greylist|\b4\.7\.1\b.*try again|temporarily deferred/i, :greylisted],
      [/\b5\.7\.\d+\b|spam|blocked|blacklist|reputation|policy/i, :refused_as_spam],
      [/\b5\.3\.4\b|too (large|big)|size limit/i, :too_large],
      [/\A4\d\d/, :later],
      [/\A5\d\d/, :rejected]
    ].freeze

    # @param answer the server's last words: "550 5.1.1 <zoe@example.org>: user unknown"
    def self.judge(answer)
      kind = RULES.find { |pattern, _| answer.match?(pattern) }&.last || :later
      Verdict.new(kind, answer.strip)
    end

    # Finds out which address a returned letter was about. Works for delivery status
    # notifications (RFC 3464); out-of-office replies and the like give nil.
    def self.read_notification(raw)
      return nil unless raw.match?(%r{^content-type:\s*multipart/report}i)

      recipient = raw[/^final-recipient:\s*rfc822;\s*<?([^\s>]+)>?/i, 1]
      return nil unless recipient

      status = raw[/^status:\s*(\d\.\d+\.\d+)/i, 1].to_s
      diagnostic = raw[/^diagnostic-code:\s*smtp;\s*(.+)$/i, 1]
      [Address.parse(recipient), judge(diagnostic || "#{status[0]}50 #{status}")]
    end
  end
end
