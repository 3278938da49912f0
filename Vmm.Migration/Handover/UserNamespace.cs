// In a user namespace the kernel shows every user whom the namespace does not map as one and the same number, the overflow uid (65534, unless
// the host says otherwise). So that number says nothing about who a peer is, not even if it is this process's own: two foreign
// users look alike. Only where every user is mapped, as on a host without user namespaces, it is a user like any other.

using System.Globalization;

namespace Vmm.Migration.Handover;

/// <summary>What a user's number is worth in this process's user namespace.</summary>
internal static class UserNamespace
{
    private const uint DefaultOverflowUser = 65534;

    /// <summary>All users there are: the number -1 is none.</summary>
    private const ulong EveryUser = uint.MaxValue;

    private static readonly char[] Blanks = [' ', '\t'];

    /// <summary>Read once: it is needed with the first message of an update, and known when the main channel is opened just before the pause.</summary>
    private static readonly Lazy<uint> Overflow = new(() => OverflowUser(Read("/proc/sys/kernel/overflowuid")));

    /// <summary>Whether a number that the kernel reports means one user and no other.</summary>
    internal static bool IsCertain(uint user) =>
        user != Overflow.Value || MapsEveryUser(Read("/proc/self/uid_map"));

    /// <summary>The same for a host that says this; what it does not say is not taken for certain.</summary>
    /// <param name="user">The number.</param>
    /// <param name="overflowUser">The text of /proc/sys/kernel/overflowuid.</param>
    /// <param name="map">The text of /proc/self/uid_map: lines of first inside, first outside, count.</param>
    internal static bool IsCertain(uint user, string? overflowUser, string? map) => user != OverflowUser(overflowUser) || MapsEveryUser(map);

    private static uint OverflowUser(string? text) =>
        uint.TryParse(text, NumberStyles.AllowTrailingWhite, CultureInfo.InvariantCulture, out uint overflow) ? overflow : DefaultOverflowUser;

    private static bool MapsEveryUser(string? map)
    {
        ulong mapped = 0;
        foreach (string line in (map ?? string.Empty).Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            string[] words = line.Split(Blanks, StringSplitOptions.RemoveEmptyEntries);
            mapped += words is [_, _, var count] && uint.TryParse(count, CultureInfo.InvariantCulture, out uint users) ? users : 0;
        }

        return mapped >= EveryUser;
    }

    private static string? Read(string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // A process without /proc cannot know, and takes nothing for certain.
            return null;
        }
    }
}
