# frozen_string_literal: true

require "openssl"
require "socket"

module Postrider
  # Speaks SMTP (RFC 5321) to one server, always encrypted, and keeps the connection for a while.
  class SmtpTransport
    class ProtocolError < Error; end

    PER_CONNECTION = 50

    def initialize(host, port: 587, user: nil, password: nil, timeout: 30)
      @host = host
      @port = port
      @user = user
      @password = password
      @timeout = timeout
      @sent = 0
    end

    # Hands a letter over and returns the server's answer, good or bad. Only trouble with the
    # connection itself is raised.
    def deliver(message, raw)
      connect unless @socket
      answer = command("MAIL FROM:<#{message.from.spec}>")
      answer = command("RCPT TO:<#{message.to.spec}>") if answer.start_with?("2")
      answer = command("DATA") if answer.start_with?("2")
      answer = command("#{dot_stuffed(raw)}\r\n.") if answer.start_with?("354")
      answer.start_with?("2") ? count : command("RSET")
      answer
    rescue SystemCallError, IOError, OpenSSL::SSL::SSLError => e
      close
      raise ProtocolError, "#{@host}: #{e.message}"
    end

    def close
      @socket&.write("QUIT\r\n")
    rescue SystemCallError, IOError, OpenSSL::SSL::SSLError
      nil
    ensure
      @socket&.close
      @socket = nil
      @sent = 0
    end

    private

    def connect
      @socket = Socket.tcp(@host, @port, connect_timeout: @timeout)
      expect("220", read_answer)
      expect("250", command("EHLO #{Socket.gethostname}"))
      expect("220", command("STARTTLS"))
      @socket = encrypt(@socket)
      expect("250", command("EHLO #{Socket.gethostname}"))
      return unless @user

      token = ["\0#{@user}\0#{@password}"].pack("m0")
      expect("235", command("AUTH PLAIN #{token}"))
    end

    # Never talks to a server whose certificate does not fit its name: the password is next.
    def encrypt(plain)
      context = OpenSSL::SSL::SSLContext.new
      context.set_params(verify_mode: OpenSSL::SSL::VERIFY_PEER, min_version: OpenSSL::SSL::TLS1_2_VERSION)
      secure = OpenSSL::SSL::SSLSocket.new(plain, context)
      secure.hostname = @host
      secure.sync_close = true
      secure.connect
      secure.post_connection_check(@host)
      secure
    end

    def command(line)
      @socket.write("#{line}\r\n")
      read_answer
    end

    # "250-first" goes on, "250 last" does not.
    def read_answer
      lines = []
      loop do
        line = @socket.gets or raise ProtocolError, "#{@host} hung up"
        lines << line.chomp
        return lines.join("\n") unless line[3] == "-"
      end
    end

    def expect(code, answer)
      return if answer.start_with?(code)

      close
      raise ProtocolError, "#{@host} said #{answer.inspect}, expected #{code}"
    end

    def dot_stuffed(raw)
      raw.gsub(/^\./, "..").chomp
    end

    def count
      @sent += 1
      close if @sent >= PER_CONNECTION
    end
  end
end
