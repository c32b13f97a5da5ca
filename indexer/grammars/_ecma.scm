; What JavaScript, TypeScript and TSX have in common.
(comment) @doc
(decorator) @doc
(export_statement "export" @doc)
(export_statement "default" @doc)

(function_declaration name: (_) @name) @function
(generator_function_declaration name: (_) @name) @function
(class_declaration name: (_) @name) @class
(class name: (_) @name) @class
(method_definition name: (_) @name) @method
(lexical_declaration (variable_declarator name: (identifier) @name
  value: [(arrow_function) (function_expression) (generator_function)])) @function
(variable_declaration (variable_declarator name: (identifier) @name
  value: [(arrow_function) (function_expression) (generator_function)])) @function
(lexical_declaration (variable_declarator name: (identifier) @name value: (class))) @class
(expression_statement (assignment_expression left: (member_expression) @name
  right: [(arrow_function) (function_expression) (generator_function)])) @function
(expression_statement (assignment_expression left: (member_expression) @name right: (class))) @class
(pair key: (_) @name value: [(arrow_function) (function_expression)]) @method

; Constants: objects and tables at the top, and whatever is exported or written in capitals.
(program (lexical_declaration (variable_declarator name: (identifier) @name value: (object))) @constant)
(program (export_statement (lexical_declaration (variable_declarator name: (identifier) @name)) @constant))
(program (lexical_declaration (variable_declarator name: (identifier) @name)) @constant
  (#set! name "[A-Z][A-Z0-9_]+"))
