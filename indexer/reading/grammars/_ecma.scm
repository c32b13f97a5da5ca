; What JavaScript, TypeScript and TSX have in common.
(comment) @doc
(decorator) @doc
(export_statement "export" @doc)
(export_statement "default" @doc)

(function_declaration name: (_) @name) @function.clause
(generator_function_declaration name: (_) @name) @function
(class_declaration name: (_) @name) @class
(class name: (_) @name) @class
(method_definition name: (_) @name) @method
(lexical_declaration (variable_declarator name: (identifier) @name
  value: [(arrow_function) (function_expression) (generator_function)])) @function
(variable_declaration (variable_declarator name: (identifier) @name
  value: [(arrow_function) (function_expression) (generator_function)])) @function
(lexical_declaration (variable_declarator name: (identifier) @name value: (class) @replaces)) @class
; Components and the like: a function wrapped in a call, at the top.
(program (lexical_declaration (variable_declarator name: (identifier) @name
  value: (call_expression arguments: (arguments . [(arrow_function) (function_expression)])))) @function)
(program (export_statement (lexical_declaration (variable_declarator name: (identifier) @name
  value: (call_expression arguments: (arguments . [(arrow_function) (function_expression)])))) @function))
(export_statement "default" @name value: [(arrow_function) (function_expression)]) @function

; Assignments: `exports.run = ...` is `run`, `Router.prototype.add = ...` is `Router.add`.
(expression_statement (assignment_expression
  left: (member_expression object: (_) @_object property: (_) @name)
  right: [(arrow_function) (function_expression) (generator_function)])
  (#set! _object "exports|module\\.exports|module|this|self|window|globalThis")) @function
(expression_statement (assignment_expression
  left: (member_expression object: (member_expression object: (_) @scope property: (_) @_prototype) property: (_) @name)
  right: [(arrow_function) (function_expression) (generator_function)])
  (#set! _prototype "prototype")) @method
(expression_statement (assignment_expression
  left: (member_expression object: (_) @scope property: (_) @name)
  right: [(arrow_function) (function_expression) (generator_function)])) @function
(expression_statement (assignment_expression
  left: (member_expression property: (_) @name) right: (class) @replaces)) @class
(pair key: (_) @name value: [(arrow_function) (function_expression)]) @method

; Tests: `describe("a cart", () => ...)`, `it("adds up", ...)`.
(expression_statement (call_expression
  function: [(identifier) (member_expression)] @_function
  arguments: (arguments . (string (string_fragment) @title) [(arrow_function) (function_expression)]))
  (#set! _function "(describe|it|test|suite|context|bench)(\\..*)?")) @function

; Constants: objects and tables at the top, and whatever is exported or written in capitals.
(program (lexical_declaration (variable_declarator name: (identifier) @name value: (object))) @constant)
(program (export_statement (lexical_declaration (variable_declarator name: (identifier) @name)) @constant))
(program (lexical_declaration (variable_declarator name: (identifier) @name)) @constant
  (#set! name "[A-Z][A-Z0-9_]+"))
