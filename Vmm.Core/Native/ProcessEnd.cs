using System.Globalization;

namespace Vmm.Core.Native;

/// <summary>How a process ended.</summary>
/// <param name="HasExited">Whether by itself; otherwise by a signal.</param>
/// <param name="Number">Its exit status, or the signal.</param>
internal readonly record struct ProcessEnd(bool HasExited, int Number)
{
    /// <summary>Whether it gave up: what it said last may be why.</summary>
    internal bool IsRefusal => HasExited && Number != 0;

    /// <summary>For a message: "exited with status 1".</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{(HasExited ? "exited with status" : "was ended by signal")} {Number}");
}
