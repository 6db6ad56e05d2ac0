"""The drawings behind `{% icon "name" %}`: 24 by 24, stroked in the colour of the text around them."""

DRAWINGS = {
    "alert": '<path d="M12 4L2.5 20h19zM12 10v4M12 17v.2"/>',
    "arrow-down": '<path d="M12 5v14M6 13l6 6 6-6"/>',
    "arrow-right": '<path d="M5 12h14M13 6l6 6-6 6"/>',
    "bell": '<path d="M6 16v-5a6 6 0 0 1 12 0v5l2 2H4zM10 21h4"/>',
    "book": '<path d="M5 4h14v16H5zM8 8h8M8 12h8M8 16h5"/>',
    "chart": '<path d="M4 20V10M10 20V4M16 20v-7M21 20H3"/>',
    "check": '<path d="M5 12l5 5L20 7"/>',
    "clip": '<path d="M20 11l-8.5 8.5a5 5 0 0 1-7-7L13 4a3.4 3.4 0 0 1 5 5l-8.5 8.5a1.7 1.7 0 0 1-2.5-2.4L15 7"/>',
    "clock": '<circle cx="12" cy="12" r="9"/><path d="M12 7v5l3.5 2"/>',
    "copy": '<path d="M9 9h11v11H9zM15 9V4H4v11h5"/>',
    "cross": '<path d="M6 6l12 12M18 6L6 18"/>',
    "document": '<path d="M6 3h8l4 4v14H6zM14 3v4h4M9 12h6M9 16h6"/>',
    "download": '<path d="M12 4v11M7 11l5 5 5-5M5 20h14"/>',
    "eye": '<path d="M2 12s4-7 10-7 10 7 10 7-4 7-10 7S2 12 2 12z"/><circle cx="12" cy="12" r="3"/>',
    "filter": '<path d="M4 5h16l-6 8v5l-4 2v-7z"/>',
    "flask": '<path d="M9 3h6M10 3v6l-5.5 9.2A1.9 1.9 0 0 0 6.1 21h11.8a1.9 1.9 0 0 0 1.6-2.8L14 9V3M7.5 15h9"/>',
    "inbox": '<path d="M4 13l2.5-8h11L20 13v6H4zM4 13h4l1.5 3h5L16 13h4"/>',
    "info": '<circle cx="12" cy="12" r="9"/><path d="M12 11v5M12 8v.2"/>',
    "key": '<circle cx="8" cy="15" r="4"/><path d="M11 12l9-9M17 6l3 3M14 9l2 2"/>',
    "keyboard": '<path d="M3 6h18v12H3zM7 10h.2M11 10h.2M15 10h.2M8 14h8"/>',
    "ladder": '<path d="M8 3v18M16 3v18M8 7h8M8 12h8M8 17h8"/>',
    "layers": '<path d="M12 3l9 5-9 5-9-5zM3 13l9 5 9-5"/>',
    "lock": '<path d="M6 11h12v9H6zM8 11V8a4 4 0 0 1 8 0v3"/>',
    "menu": '<path d="M4 7h16M4 12h16M4 17h16"/>',
    "moon": '<path d="M20 14.5A8.5 8.5 0 1 1 9.5 4a7 7 0 0 0 10.5 10.5z"/>',
    "pen": '<path d="M4 20l1-5L16 4l4 4L9 19zM13 7l4 4"/>',
    "person": '<circle cx="12" cy="8" r="4"/><path d="M4 21a8 8 0 0 1 16 0"/>',
    "play": '<path d="M5 4l14 8-14 8z"/>',
    "plus": '<path d="M12 5v14M5 12h14"/>',
    "retry": '<path d="M20 12a8 8 0 1 1-2.5-5.8M20 3v5h-5"/>',
    "search": '<circle cx="11" cy="11" r="6.5"/><path d="M16 16l5 5"/>',
    "seal": '<path d="M12 3l7 3v6c0 5-3.5 7.5-7 9-3.5-1.5-7-4-7-9V6zM9 12l2.2 2.2L15.5 10"/>',
    "sign-out": '<path d="M10 4H5v16h5M15 8l4 4-4 4M9 12h10"/>',
    "sliders": (
        '<path d="M4 7h10M18 7h2M4 17h2M10 17h10"/><circle cx="16" cy="7" r="2"/><circle cx="8" cy="17" r="2"/>'
    ),
    "sun": (
        '<circle cx="12" cy="12" r="4"/>'
        '<path d="M12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.4 1.4M17.6 17.6L19 19M5 19l1.4-1.4M17.6 6.4L19 5"/>'
    ),
    "trail": '<path d="M8 6h12M8 12h12M8 18h12M4 6h.2M4 12h.2M4 18h.2"/>',
    "upload": '<path d="M12 20V9M7 13l5-5 5 5M5 4h14"/>',
    "warning": '<circle cx="12" cy="12" r="9"/><path d="M12 7v6M12 16v.2"/>',
}
