(line_comment) @doc
(multiline_comment) @doc

(class_declaration "interface" (type_identifier) @name) @interface
(class_declaration "enum" (type_identifier) @name) @enum
(class_declaration (type_identifier) @name) @class
(object_declaration (type_identifier) @name) @class
(function_declaration receiver: (receiver_type (user_type (type_identifier) @scope)) (simple_identifier) @name) @method
(function_declaration (simple_identifier) @name) @function
(type_alias (type_identifier) @name) @type
(source_file (property_declaration (variable_declaration (simple_identifier) @name)) @constant)
(property_declaration (modifiers (property_modifier) @_modifier) (variable_declaration (simple_identifier) @name)
  (#set! _modifier "const")) @constant
