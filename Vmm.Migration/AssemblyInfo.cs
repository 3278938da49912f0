using System.Runtime.CompilerServices;

[assembly: InternalsVisibleTo("Vmm.Qmp")]
[assembly: InternalsVisibleTo("vmm")]
[assembly: InternalsVisibleTo("Vmm.Tests")]
