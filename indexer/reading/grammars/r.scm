(comment) @doc

(binary_operator lhs: [(identifier) (string) (extract_operator)] @name operator: ["<-" "=" "<<-"]
  rhs: (function_definition)) @function
(program (binary_operator lhs: (identifier) @name operator: "<-"
  rhs: (call function: (_) @_constructor)
  (#set! _constructor "R6Class|R6::R6Class|setRefClass|setClass")) @class)
(call function: (identifier) @_list arguments: (arguments
  (argument name: (identifier) @name value: (function_definition)) @function)
  (#set! _list "list"))
(call function: (identifier) @_constructor arguments: (arguments . (argument value: (string) @name))
  (#set! _constructor "setClass|setRefClass")) @class
(call function: (identifier) @_constructor arguments: (arguments . (argument value: (string) @name))
  (#set! _constructor "setGeneric|setMethod|setValidity")) @function
