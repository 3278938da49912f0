namespace Vmm.Migration.Channels;

/// <summary>HOST:PORT as URIs write it, with an IPv6 address in brackets.</summary>
internal static class UriHost
{
    /// <summary>The host as it is written before a colon and a port.</summary>
    internal static string Bracketed(string host) => host.Contains(':', StringComparison.Ordinal) ? $"[{host}]" : host;

    /// <summary>Splits HOST:PORT; null when there is no port.</summary>
    internal static (string Host, string Port)? Split(string text)
    {
        if (text.StartsWith('['))
        {
            var close = text.IndexOf("]:", StringComparison.Ordinal);
            return close < 0 || close + 2 == text.Length ? null : (text[1..close], text[(close + 2)..]);
        }

        var colon = text.LastIndexOf(':');
        var host = colon < 0 ? "" : text[..colon];
        return colon < 0 || colon + 1 == text.Length || host.Contains(':', StringComparison.Ordinal) ? null : (host, text[(colon + 1)..]);
    }
}
