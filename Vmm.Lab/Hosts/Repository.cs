namespace Vmm.Lab.Hosts;

/// <summary>The checkout that this program was built from.</summary>
public static class Repository
{
    private static readonly string Root = Find();

    /// <summary>The absolute path of a file in the checkout.</summary>
    public static string Path(string relative) => System.IO.Path.Combine(Root, relative);

    private static string Find()
    {
        for (var folder = AppContext.BaseDirectory; folder is not null; folder = System.IO.Path.GetDirectoryName(folder))
        {
            if (File.Exists(System.IO.Path.Combine(folder, "vmm.sln")))
            {
                return folder;
            }
        }

        throw new InvalidOperationException($"no vmm.sln in or above {AppContext.BaseDirectory}; run from a checkout");
    }
}
