using Microsoft.CodeAnalysis;

namespace Vmm.Qapi.Syntax;

/// <summary>What kind of mistake a schema has; the number is that of the diagnostic, <c>QAPI001</c> and so on.</summary>
public enum SchemaErrorKind
{
    /// <summary>The text is not in the schema language.</summary>
    Syntax = 1,

    /// <summary>An include names a missing file, or the schema's files do not hang together.</summary>
    Include = 2,

    /// <summary>A definition lacks a key, has a surplus one, or a value of the wrong form.</summary>
    Structure = 3,

    /// <summary>A name breaks the rules or is reserved.</summary>
    Name = 4,

    /// <summary>A name is taken.</summary>
    Duplicate = 5,

    /// <summary>A type that is not defined.</summary>
    UnknownType = 6,

    /// <summary>A type that exists but does not fit here.</summary>
    TypeMisuse = 7,

    /// <summary>A union's discriminator or branches are wrong.</summary>
    Union = 8,

    /// <summary>An alternate's branches cannot be distinguished.</summary>
    Alternate = 9,

    /// <summary>Documentation is missing, misplaced, or documents what is not there.</summary>
    Documentation = 10,

    /// <summary>An <c>if</c> condition is malformed.</summary>
    Condition = 11,
}

/// <summary>A mistake in a schema and where it is.</summary>
public sealed record SchemaError(SchemaErrorKind Kind, SchemaLocation Location, string Message)
{
    /// <summary>The diagnostic's id.</summary>
    public string Id => $"QAPI{(int)Kind:000}";

    /// <summary>The build error for the compiler's output.</summary>
    public Diagnostic ToDiagnostic() => Diagnostic.Create(
        Id, "Qapi", Message, DiagnosticSeverity.Error, DiagnosticSeverity.Error, isEnabledByDefault: true, warningLevel: 0,
        location: Location.ToRoslyn());

    /// <inheritdoc/>
    public override string ToString() => $"{Location}: {Id}: {Message}";
}

/// <summary>Ends the reading of a file or a definition at a mistake.</summary>
#pragma warning disable CA1032, CA1064 // never leaves this assembly, always carries an error
internal sealed class SchemaException(SchemaError error) : Exception(error.ToString())
#pragma warning restore CA1032, CA1064
{
    internal SchemaException(SchemaErrorKind kind, SchemaLocation location, string message)
        : this(new SchemaError(kind, location, message))
    {
    }

    internal SchemaError Error { get; } = error;
}
