// What the parser's bundle expects of a browser, and one function on top of it: text and schemas in, JSON out.
// The names of overloaded constructors ($ctor16) are generated, so they belong to the pinned version of the bundle.

var window = globalThis;
window.addEventListener = window.attachEvent = function () {};
var document = {};
var console = { log() {}, info() {}, warn() {}, error() {}, debug() {} };

// `request` is JSON: {text, tables: [[name, [[column, type]]]], functions: [[name, parameters, body]]}.
// Returns {diagnostics: [{code, severity, message, start}], columns: [[name, type]] or null if no table comes out}.
function check(request) {
    const { Symbols, GlobalState, KustoCode } = Kusto.Language;
    const { text, tables, functions } = JSON.parse(request);
    const members = tables.map(([name, columns]) => {
        const symbols = columns.map(([column, type]) =>
            new Symbols.ColumnSymbol(column, Symbols.ScalarTypes.GetSymbol(type), null, null, null, null));
        return new Symbols.TableSymbol.$ctor4(name, symbols);
    });
    for (const [name, parameters, body] of functions)
        members.push(new Symbols.FunctionSymbol.$ctor16(name, parameters, body, null));
    const globals = GlobalState.Default.WithDatabase(new Symbols.DatabaseSymbol.ctor("workspace", members));
    const code = KustoCode.ParseAndAnalyze(text, globals);
    const result = code.ResultType;
    return {
        diagnostics: Bridge.toArray(code.GetDiagnostics()).map((found) => ({
            code: found.Code, severity: found.Severity, message: found.Message, start: found.Start,
        })),
        columns: result instanceof Symbols.TableSymbol
            ? Bridge.toArray(result.Columns).map((column) => [column.Name, column.Type.Name])
            : null,
    };
}
