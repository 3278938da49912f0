using System.Text;

namespace Vmm.CommandLine;

/// <summary>Commas in option lists: one separates, two stand for one.</summary>
internal static class OptionGrammar
{
    /// <summary>Splits at single commas and halves double ones; a comma at the end ends the last element and begins none.</summary>
    internal static List<string> Split(string text)
    {
        var elements = new List<string>();
        var element = new StringBuilder();
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] != ',')
            {
                element.Append(text[i]);
            }
            else if (i + 1 < text.Length && text[i + 1] == ',')
            {
                element.Append(',');
                i++;
            }
            else
            {
                elements.Add(element.ToString());
                element.Clear();
            }
        }

        if (element.Length > 0 || text.Length == 0)
        {
            elements.Add(element.ToString());
        }

        return elements;
    }
}
