using System.Globalization;
using Vmm.Core.Devices.Model;

namespace Vmm.Core.Configuration;

/// <summary>The names of block nodes: those that a user gives, and those of nodes that were described without one.</summary>
public static class BlockNodeNames
{
    /// <summary>The most characters of a name, as in QEMU.</summary>
    public const int Longest = 31;

    /// <summary>What is wrong with a name that a user gives; null if it is one.</summary>
    public static string? Violation(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return !IdProperty.IsId(name) ? $"Invalid node-name: '{name}': expected {IdProperty.Expected}"
            : name.Length > Longest ? $"Node name too long: '{name}': expected at most {Longest} characters"
            : null;
    }

    /// <summary>The first of the names #block000, #block001, ... that is not taken. No user can give such a name.</summary>
    /// <param name="isTaken">Whether a node has a name.</param>
    public static string NextFree(Func<string, bool> isTaken)
    {
        ArgumentNullException.ThrowIfNull(isTaken);
        for (int number = 0; ; number++)
        {
            string name = string.Create(CultureInfo.InvariantCulture, $"#block{number:000}");
            if (!isTaken(name))
            {
                return name;
            }
        }
    }
}
