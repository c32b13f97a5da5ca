(comment) @doc

(function_declaration name: (_) @name) @function
(assignment_statement (variable_list . name: (_) @name) (expression_list . value: (function_definition))) @function
(variable_declaration (assignment_statement
  (variable_list . name: (_) @name) (expression_list . value: (function_definition)))) @function
(chunk (variable_declaration (assignment_statement (variable_list . name: (_) @name)
  (expression_list . value: (table_constructor (field value: (function_definition)))))) @constant)
(field name: (_) @name value: (function_definition)) @function

; Tests: `describe("a cart", function() ... end)`.
(function_call name: (identifier) @_function
  arguments: (arguments . (string content: (string_content) @title) (function_definition))
  (#set! _function "describe|it|context|pending|insulate|test")) @function
