using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Text;

namespace Vmm.Qapi.Syntax;

/// <summary>A place in a schema file; line and column count from 1.</summary>
public readonly record struct SchemaLocation(string File, int Line, int Column)
{
    /// <summary>The same place as the compiler reports it.</summary>
    public Location ToRoslyn()
    {
        var position = new LinePosition(Line - 1, Column - 1);
        return Location.Create(File, new TextSpan(0, 0), new LinePositionSpan(position, position));
    }

    /// <inheritdoc/>
    public override string ToString() => $"{File}:{Line}";
}
