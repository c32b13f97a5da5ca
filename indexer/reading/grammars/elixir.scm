(comment) @doc
(unary_operator operator: "@" operand: (call target: (identifier) @_attribute)
  (#set! _attribute "doc|spec|impl|deprecated|since|typedoc")) @doc
(unary_operator operator: "@" operand: (call target: (identifier) @_attribute (arguments
  (binary_operator left: [(identifier) @name (call target: (identifier) @name)] operator: "::")))
  (#set! _attribute "type|typep|opaque")) @type
(unary_operator operator: "@" operand: (call target: (identifier) @_attribute (arguments
  (binary_operator left: (call target: (identifier) @name) operator: "::")))
  (#set! _attribute "callback|macrocallback")) @function

(call target: (identifier) @_keyword (arguments (alias) @name)
  (#set! _keyword "defmodule")) @module
(call target: (identifier) @_keyword (arguments (alias) @name)
  (#set! _keyword "defprotocol")) @interface
(call target: (identifier) @_keyword (arguments (alias) @name)
  (#set! _keyword "defimpl")) @impl
(call target: (identifier) @_keyword (arguments [
  (identifier) @name
  (call target: (identifier) @name)
  (binary_operator left: (call target: (identifier) @name))
  (binary_operator left: (identifier) @name)])
  (#set! _keyword "def|defp|defdelegate|defguard|defguardp")) @function.clause
(call target: (identifier) @_keyword (arguments [
  (call target: (identifier) @name)
  (binary_operator left: (call target: (identifier) @name))])
  (#set! _keyword "defmacro|defmacrop")) @macro.clause
(call target: (identifier) @_keyword @name (arguments)
  (#set! _keyword "defstruct|defexception")) @struct
(call target: (identifier) @_keyword (arguments . (string (quoted_content) @title))
  (#set! _keyword "test|describe")) @function
