using System.Diagnostics;
using System.Xml.Linq;

namespace Vmm.Tests.Unit.House;

/// <summary>The picture in the README is what its script draws.</summary>
[Parallelizable(ParallelScope.All)]
public sealed class PictureTests
{
    private static readonly string Drawn = Path.Combine(Checkout.Root, "docs", "update.svg");

    [Test]
    public async Task The_picture_is_what_its_script_draws()
    {
        string anew = Path.GetTempFileName();
        try
        {
            using var script = Process.Start("bash", [Path.Combine(Checkout.Root, "docs", "make-picture"), anew]);
            await script.WaitForExitAsync();

            Assert.That(script.ExitCode, Is.Zero);
            Assert.That(await File.ReadAllTextAsync(anew), Is.EqualTo(await File.ReadAllTextAsync(Drawn)));
        }
        finally
        {
            File.Delete(anew);
        }
    }

    [Test]
    public void The_picture_is_well_formed() => Assert.That(XDocument.Load(Drawn).Root!.Name.LocalName, Is.EqualTo("svg"));
}
