using System.Globalization;

namespace Vmm.Tests;

/// <summary>
/// The number of a promise that a test holds the program to; docs/promises.md says what was promised. The tests of one promise run with
/// <c>dotnet test --filter Promise=7</c>.
/// </summary>
/// <param name="number">The promise's number.</param>
[AttributeUsage(AttributeTargets.Method, AllowMultiple = true)]
internal sealed class PromiseAttribute(int number) : PropertyAttribute("Promise", number.ToString(CultureInfo.InvariantCulture));
