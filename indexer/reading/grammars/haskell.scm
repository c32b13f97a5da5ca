(comment) @doc
(haddock) @doc
(declarations (signature) @doc)
(class_declarations (signature) @doc)

(declarations (function name: (_) @name) @function.clause)
(declarations (function (infix operator: (_) @name)) @function.clause)
(declarations (bind name: (_) @name) @function.clause)
(declarations (data_type name: (_) @name) @type)
(declarations (newtype name: (_) @name) @type)
(declarations (type_synomym name: (_) @name) @type)
(declarations (type_family name: (_) @name) @type)
(declarations (class name: (_) @name) @trait)
(declarations (instance name: (_) @name) @impl)
(class_declarations (function name: (_) @name) @method.clause)
(instance_declarations (function name: (_) @name) @method.clause)
(instance_declarations (bind name: (_) @name) @method.clause)
