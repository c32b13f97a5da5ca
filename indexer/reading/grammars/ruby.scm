(comment) @doc

(module name: (_) @name) @module
(class name: (_) @name) @class
(method name: (_) @name) @method
(singleton_method name: (_) @name) @method
(call method: (identifier) @_method arguments: (argument_list . [
  (string (string_content) @title) (constant) @title (scope_resolution) @title]) block: (_)
  (#set! _method "describe|context|it|specify|feature|scenario|test|should|task|namespace")) @function
(assignment left: (constant) @name) @constant
