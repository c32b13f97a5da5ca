(comment) @doc
(decorator) @doc

(function_definition name: (identifier) @name) @function
(class_definition name: (identifier) @name) @class
(type_alias_statement left: (type [(identifier) @name (generic_type (identifier) @name)])) @type
(module (assignment left: (identifier) @name) @constant
  (#set! name "_*[A-Z][A-Z0-9_]+"))
