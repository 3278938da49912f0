using System.Text.Json;

namespace Vmm.CommandLine;

/// <summary>An option's argument as a JSON object, flattened to the dotted keys that mean the same.</summary>
internal static class JsonOptions
{
    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false, MaxDepth = 16 };

    /// <summary>{"a":{"b":1},"c":["x"],"d":true} becomes a.b=1, c.0=x, d=on.</summary>
    internal static List<KeyValuePair<string, string>> Flatten(string json)
    {
        try
        {
            using var document = JsonDocument.Parse(json, Strict);
            var pairs = new List<KeyValuePair<string, string>>();
            AddMembers("", document.RootElement, pairs);
            return pairs;
        }
        catch (Exception e) when (e is JsonException or ArgumentException or InvalidOperationException)
        {
            // The last two: text that is not well-formed Unicode, whole or inside a string.
            throw new CommandLineException($"JSON parse error: {e.Message}");
        }
    }

    private static void AddMembers(string prefix, JsonElement element, List<KeyValuePair<string, string>> pairs)
    {
        foreach (var member in element.EnumerateObject())
        {
            if (member.Name.Contains('.', StringComparison.Ordinal))
            {
                throw new CommandLineException($"Invalid parameter '{member.Name}'");
            }

            Add(prefix + member.Name, member.Value, pairs);
        }
    }

    private static void Add(string key, JsonElement value, List<KeyValuePair<string, string>> pairs)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Object:
                AddMembers(key + ".", value, pairs);
                break;
            case JsonValueKind.Array:
                foreach (var (index, item) in value.EnumerateArray().Index())
                {
                    Add($"{key}.{index}", item, pairs);
                }

                break;
            case JsonValueKind.Null:
                throw new CommandLineException($"Parameter '{key}' must not be null");
            case JsonValueKind.True or JsonValueKind.False:
                pairs.Add(new(key, value.GetBoolean() ? "on" : "off"));
                break;
            default:
                pairs.Add(new(key, value.ValueKind == JsonValueKind.String ? value.GetString()! : value.GetRawText()));
                break;
        }
    }
}
