using System.Runtime.CompilerServices;

[assembly: InternalsVisibleTo("vmm")]
[assembly: InternalsVisibleTo("Vmm.Tests")]
